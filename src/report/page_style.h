/* The page's only style: system fonts, one column, tables that scroll, light or dark as the reader's machine is, black on white on paper. */
#ifndef ATTN_REPORT_PAGE_STYLE_H
#define ATTN_REPORT_PAGE_STYLE_H

static const char attn_page_style[] =
    "\n:root { --ink: #1c2024; --soft: #57606a; --ground: #fff; --line: #d0d7de; --band: #f4f6f8; --link: #0b57b0; --warn: #fff3cd }\n"
    "@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a5adb6; --ground: #15181c; --line: #3a424b; --band: #1f242a; "
    "--link: #8ab8ff; --warn: #4a3d12 } }\n"
    "* { box-sizing: border-box }\n"
    "html { -webkit-text-size-adjust: 100%; text-size-adjust: 100% }\n"
    "body { margin: 0 auto; padding: 1rem; max-width: 80rem; color: var(--ink); background: var(--ground); "
    "font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere }\n"
    "h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem } h2 { font-size: 1.3rem; margin: 2.5rem 0 .25rem; border-top: 1px "
    "solid "
    "var(--line); padding-top: 1rem } h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem }\n"
    "header p, .soft { color: var(--soft) } p { margin: .25rem 0 .75rem; max-width: 45rem } a { color: var(--link) }\n"
    ".warning { background: var(--warn); padding: .6rem .8rem; border-radius: .4rem }\n"
    ".figures { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)) }\n"
    "figure { margin: 0; min-width: 0 } figure svg { display: block; width: 100%; height: auto; max-width: 44rem } "
    "figure h4 { margin: 0 0 .25rem; font-size: 1rem } figcaption { color: var(--soft); font-size: .9rem }\n"
    ".scroll { overflow-x: auto; max-width: 100%; margin: .5rem 0 } .scroll:focus-visible { outline: 2px solid var(--link) }\n"
    "table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; overflow-wrap: normal } caption { "
    "text-align: left; color: "
    "var(--soft); padding-bottom: .25rem }\n"
    "th, td { padding: .25rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) } "
    "thead th { background: var(--band); white-space: nowrap } .n { text-align: right; white-space: nowrap } "
    "tbody th { font-weight: 400; white-space: nowrap } td { max-width: 28rem }\n"
    ".claims { width: 100%; margin: .5rem 0 } .claims tbody th { white-space: normal; min-width: 14rem; max-width: 28rem } "
    ".claims .n { white-space: normal }\n"
    "@media screen and (max-width: 60rem) { .claims, .claims tbody, .claims tr, .claims th, .claims td { display: block } "
    ".claims thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) } "
    ".claims tr { border: 1px solid var(--line); border-radius: .4rem; margin: 0 0 .75rem; padding: .4rem 0 } "
    ".claims tbody th, .claims td { max-width: none; min-width: 0; border: 0; text-align: left } .claims tbody th { font-weight: 600 } "
    ".claims td::before { content: attr(data-head) ': '; color: var(--soft) } .claims .none { display: none } }\n"
    "details { margin: .25rem 0 } summary { cursor: pointer } details details { margin-left: 1rem }\n"
    "pre { background: var(--band); padding: .6rem .8rem; overflow-x: auto; font-size: .85rem; white-space: pre-wrap } "
    "nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1rem }\n"
    "@media print { :root { --ink: #000; --soft: #444; --ground: #fff; --line: #999; --band: #eee; --link: #000; --warn: #eee } "
    "body { max-width: none; padding: 0; font-size: 10pt } figure, tr { break-inside: avoid } h2, h3 { break-after: avoid } "
    ".scroll { overflow: visible } table { font-size: 7pt } th, td { padding: .1rem .3rem } thead th, tbody th { white-space: normal } "
    "tbody th { overflow-wrap: anywhere } "
    ".figures { grid-template-columns: 1fr 1fr } }\n";

#endif
