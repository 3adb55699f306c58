# The front door. What is real lives in CMakeLists.txt and scripts/; every target is silent where all is well.
PREFIX ?= /usr/local
DESTDIR ?=
PYTHON ?= python3

all:
	@scripts/build.sh release

# What this machine lacks for demo and check: prints the apt line and runs it (as root, or by passwordless sudo).
deps:
	@scripts/deps.sh

# The twelve masks, forward and backward: rate, fraction of peak, ratio to the BLAS row-panel, peak memory. Then three mixers learn to recall, and
# report.html shows it. Four minutes with the build; the masks keep to their budget on a busy machine too.
demo:
	@scripts/deps.sh demo || echo "demo: going on with what is here"
	@scripts/build.sh release && build/attn bench masks --len 4K --heads 2 --budget 60 && rm -rf build/demo && echo && \
	    build/attn train zoology/stacked mixer=attention,based,baseconv:kernel=-1 pairs=8,32 steps=300 lr=2e-3 --store build/demo && \
	    build/attn report --store build/demo --out report.html

# check-fast: unit tests of the release build. check: all configurations and all checks. check-long: with the full counts.
check check-fast check-long:
	@scripts/deps.sh && scripts/check.sh $@

bench: all
	@build/attn bench peak && build/attn bench kernels && build/attn bench masks && build/attn bench sparse

# A Python with PyTorch and NumPy for `attn bench ... --peer torch`: PATH=$PWD/.venv/bin:$PATH build/attn bench kernels --peer torch
venv:
	$(PYTHON) -m venv .venv && .venv/bin/pip install --quiet numpy torch

install: all
	@DESTDIR='$(DESTDIR)' cmake --install build --prefix '$(PREFIX)' >>build/log.txt || { tail -n 20 build/log.txt; exit 1; }

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

lint:
	@scripts/lint.sh

clean:
	@rm -rf build

.PHONY: all deps demo check check-fast check-long bench venv install format lint clean
