#!/usr/bin/env python3
"""report_page.py ATTN: trains a small sweep, puts hostile runs and those of claims beside it, and opens the page of `attn report` in a headless Chromium: on a phone and on a
desk, light and dark, and on paper. Exit 77 where there is no Chromium. With ATTN_SCREENSHOTS=DIR the pictures stay there."""
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import chromium

STOPPED = 130
HOSTILE = "<script>alert(1)</script>\"'><img src=http://192.0.2.1/x.png onerror=alert(2)>"


def attn(*words, status=0):
    done = subprocess.run([sys.argv[1], *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == status, (words, done.stdout, done.stderr)
    return done.stdout


def make_claims(store):
    """Runs of the quick scale's first experiment, with figures made up: one is stopped at once, the others are it with other fields."""
    attn("train", "zoology/stacked", "mixer=attention", "width=32", "pairs=32", "steps=600", "lr=2e-3", "--store", store + "-one", "--time-limit", "0.01",
         status=STOPPED)
    with open(os.path.join(store + "-one", os.listdir(store + "-one")[0], "recipe.json")) as file:
        recipe = file.read()
    arms = [("attention", 32), ("attention", 64), ("based", 32), ("based", 64), ("baseconv:kernel=-1", 32), ("baseconv:kernel=-1", 64), ("hyena", 64), ("h3", 64)]
    for i, (mixer, width) in enumerate(arms):
        for seed in (1, 2, 3):
            run = os.path.join(store, "claim-%d-%d" % (i, seed))
            os.mkdir(run)
            own = recipe.replace('"mixer": "attention"', '"mixer": "%s"' % mixer).replace('"width": 32', '"width": %d' % width).replace('"seed": 1', '"seed": %d' % seed)
            lines = ['{"event":"start","step":0,"steps":600,"parameters":%d}' % (700 * width),
                     '{"event":"%s","step":600,"seconds":1,"accuracy":%g}' % ("done" if i + seed < 10 else "failed", 1 - 0.12 * i - 0.001 * seed)]
            with open(os.path.join(run, "recipe.json"), "w") as file:
                file.write(own)
            with open(os.path.join(run, "metrics.jsonl"), "w") as file:
                file.write("".join(line + "\n" for line in lines))


def make_store(folder):
    store = os.path.join(folder, "runs")
    attn("train", "zoology/mqar", "mixer=attention,baseconv:kernel=3", "width=8,16", "length=8,16", "pairs=2", "vocabulary=64", "batch=8", "steps=20",
         "epochs=0", "lr=1e-3,1e-2", "train_examples=0", "test_examples=20", "eval_every=5", "--store", store)
    make_claims(store)
    for i in range(3):
        run = os.path.join(store, "hostile-%d %s" % (i, HOSTILE.replace("/", "|")[:60]))
        os.mkdir(run)
        recipe = {"task": HOSTILE[:60], "mixer": HOSTILE, "width": 2 ** i, HOSTILE: "x" * 900, "long": "y" * 900}
        lines = [{"event": "step", "step": s, "loss": 1e308 if s % 3 else 5.0 / s, HOSTILE[:40]: s} for s in range(1, 2000)]
        lines += [{"event": "evaluation", "step": 2000, HOSTILE[:40]: 0.1 * i}, {"event": "done" if i else "failed", "step": 2000, HOSTILE[:40]: 0.1 * i,
                                                                               "message": HOSTILE * 9}]
        for name, text in (("env.json", json.dumps({HOSTILE: HOSTILE})), ("metrics.jsonl", "".join(json.dumps(l) + "\n" for l in lines) + "{\"ev"),
                           ("recipe.json", json.dumps(recipe))):
            with open(os.path.join(run, name), "w") as file:
                file.write(text)
    return store


def check_screen(browser, page, elements, width, height, dark):
    browser.open(page, width, height, dark)
    pictures = browser.value("document.querySelectorAll('svg').length")
    assert browser.value("document.querySelectorAll('*').length") == elements, "the browser reads other elements than there are tags"
    overflow = browser.value("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
    assert overflow <= width, "the body is %d pixels wide on a screen of %d" % (overflow, width)
    outside = browser.value("""[...document.querySelectorAll('svg')].flatMap(svg => { const box = svg.getBoundingClientRect();
        return [...svg.querySelectorAll('text')].filter(text => { const t = text.getBoundingClientRect();
            return t.left < box.left - 1 || t.right > box.right + 1 || t.top < box.top - 1 || t.bottom > box.bottom + 1 }).map(text => text.textContent) })""")
    assert not outside, "texts outside their picture: %s" % outside
    small = browser.value("Math.min(...[...document.querySelectorAll('svg text')].filter(t => t.textContent.trim()).map(t => t.getBoundingClientRect().height))")
    assert pictures == 0 or small >= 9, "texts of %g pixels in a picture" % small
    light = browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert light != dark, "the ground is not %s" % ("dark" if dark else "white")
    shot = browser.screenshot(width, height, 0.5)
    pixels = chromium.colours(shot)
    assert pixels[:2] == (width // 2, height // 2), pixels[:2]
    assert len(pixels[2]) > 20 and max(pixels[2].values()) < 0.98 * pixels[0] * pixels[1], "the picture is blank"
    check_claims(browser, width)
    keep(browser, "%d%s" % (width, "-dark" if dark else ""), width)
    check_events(browser, page)


def check_claims(browser, width):
    """Every cell of the claims can be read without scrolling; on a phone each says what it is."""
    assert browser.value("document.querySelectorAll('.claims tbody tr').length") >= 9
    wide = browser.value("Math.max(...[...document.querySelectorAll('.claims th, .claims td')].map(c => c.getBoundingClientRect().right))")
    assert wide <= width, "the claims are %g pixels wide on a screen of %d" % (wide, width)
    cut = browser.value("[...document.querySelectorAll('.claims tbody th, .claims td')].filter(c => c.scrollWidth > c.clientWidth + 1).length")
    assert cut == 0, "%d cells of claims are cut off" % cut
    named = browser.value("getComputedStyle(document.querySelector('.claims td'), '::before').content")
    assert ("arms" in named or "attr(" in named) == (width < 600), named
    assert browser.value("document.querySelectorAll('#claims figure svg').length") == 1


def keep(browser, name, width):
    folder = os.environ.get("ATTN_SCREENSHOTS")
    if folder:
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "report-%s.png" % name), "wb") as file:
            file.write(browser.screenshot(width, 2400))


def check_events(browser, page):
    """Nothing was said on the console and nothing asked of anybody but the page itself."""
    for event in browser.events:
        method, what = event.get("method", ""), event.get("params", {})
        said = method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening")
        assert not said, event
        if method == "Network.requestWillBeSent":
            assert what["request"]["url"] == "file://" + page, what["request"]["url"]


def check_names(browser):
    """What a screen reader finds: pictures with names, tables with headers."""
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    seen = [n for n in nodes if not n.get("ignored")]
    pictures = [n for n in seen if n["role"]["value"] in ("img", "image")]
    assert len(pictures) == browser.value("document.querySelectorAll('svg').length")
    assert all(n["name"]["value"] and n.get("description", {}).get("value") for n in pictures), pictures[:1]
    assert any(n["role"]["value"] == "columnheader" for n in seen) and any(n["role"]["value"] == "rowheader" for n in seen)


def main():
    if not chromium.program():
        print("skipped: no Chromium; Debian: apt-get install chromium")
        return 77
    with tempfile.TemporaryDirectory(prefix="attn-report-") as folder:
        page = os.path.join(folder, "report.html")
        figures = os.path.join(folder, "figures")
        attn("report", "--store", make_store(folder), "--out", page, "--figures", figures)
        tree = xml.parse(page)
        elements = sum(1 for _ in tree.iter())
        for name in os.listdir(figures):
            if name.endswith(".svg"):
                xml.parse(os.path.join(figures, name))
        browser = chromium.Browser()
        try:
            for width, height in ((390, 844), (1280, 900)):
                for dark in (False, True):
                    check_screen(browser, page, elements, width, height, dark)
            check_names(browser)
            browser.open(page, 800, 1000, False, "print")
            assert browser.print_to_pdf().startswith(b"%PDF-")
            for name in sorted(n for n in os.listdir(figures) if n.endswith(".svg"))[:3]:
                browser.open(os.path.join(figures, name), 440, 400)
                assert len(chromium.colours(browser.screenshot(440, 400))[2]) > 5, name
        finally:
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
