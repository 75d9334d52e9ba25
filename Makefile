# Needs Python 3.11 or newer, make and PyPI; everything else is installed into .venv once.
#
#   make demo      train a network on real handwritten digits
#   make test      lint, types and all quick tests
#   make test-all  every test, also the slow ones and those against PyTorch and JAX
#   make bench     measure, side by side with the libraries that are installed
#   make lint      ruff and mypy
#   make docs      run every example of the documents and follow their links
#   make clean     remove what the tools leave behind

PYTHON ?= python3
BIN := .venv/bin
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
DOCUMENTS := README.md CONTRIBUTING.md docs

.PHONY: help demo test test-all bench lint docs clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#   //p' Makefile

demo: .venv/has-demo
	$(ONE_THREAD) $(BIN)/chainrule train digits

test: lint
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 -m "not slow"

test-all: .venv/has-all .venv/has-katex lint
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2

bench: .venv/has-bench
	$(BIN)/python -m bench

lint: .venv/has-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: .venv/has-dev
	$(BIN)/python -m pytest $(DOCUMENTS) tests/test_docs.py

clean:
	rm -rf build dist bench/results .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each set of extras; a change of pyproject.toml installs again.
.venv/has-demo: EXTRAS := explain
.venv/has-dev: EXTRAS := dev
.venv/has-bench: EXTRAS := bench
.venv/has-all: EXTRAS := dev,bench
.venv/has-demo .venv/has-dev .venv/has-bench .venv/has-all: pyproject.toml | $(BIN)/python
	@echo "installing chainrule[$(EXTRAS)] into .venv (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@

# KaTeX and MathJax compile the formulas of explanations; without npm those tests are left out.
.venv/has-katex: tests/explaining/katex/package.json | $(BIN)/python
	@if command -v npm > /dev/null; then \
	  echo "installing KaTeX and MathJax into tests/explaining/katex (once)"; \
	  cd tests/explaining/katex && npm install --no-package-lock --no-audit --no-fund --silent; \
	fi
	@touch $@

$(BIN)/python:
	@for python in "$(PYTHON)" python3 python3.11 python3.12 python3.13 python3.14 python; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "making .venv with $$("$$python" --version)"; \
	    "$$python" -m venv .venv && exit 0; \
	    rm -rf .venv; \
	    echo "$$python cannot make a virtual environment: install its venv module" \
	      "(on Debian and Ubuntu: apt install python3-venv)." >&2; \
	    exit 1; \
	  fi; \
	done; \
	echo "chainrule needs Python 3.11 or newer; $(PYTHON) is" \
	  "$$("$(PYTHON)" --version 2>&1 || echo not there). Name one: make PYTHON=python3.12" >&2; \
	exit 1
