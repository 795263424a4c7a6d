# The front door. It needs make and Python 3.10 or newer, nothing else; `make` alone lists what there is.
#
# Everything happens in $(VENV). The versions are the pinned ones of requirements/, which `make pins` renews.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help demo up down test test-newest test-dataset lint format types imports docs bench backends beside wheel pins
.PHONY: changelog clean distclean

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Test processes; more of them than processors make nothing faster.
WORKERS ?= auto
# Further arguments for the tool behind test, docs, bench, changelog, up and down, such as ARGS='-k redact'.
ARGS ?=
# `make COMPOSE='podman compose' up` works as well.
COMPOSE ?= docker compose

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.test-ready ## run an unchanged agent program and show what its model saw
	@$(BIN)/python examples/demo.py

test: $(VENV)/.test-ready ## run the whole test-suite (ARGS='-k redact' runs a part of it)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

test-newest: | $(BIN)/python ## run the suite against the newest releases that pyproject.toml allows, not the pinned ones
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/uv.txt
	rm -rf $(VENV)-newest && $(BIN)/python -m venv --without-pip $(VENV)-newest
	$(BIN)/python -m uv pip install --quiet --python $(VENV)-newest/bin/python --group test --editable .
	$(VENV)-newest/bin/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

test-dataset: | $(BIN)/python ## load what is exported with Hugging Face's datasets itself (some 400 MB to install)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/uv.txt
	rm -rf $(VENV)-dataset && $(BIN)/python -m venv --without-pip $(VENV)-dataset
	$(BIN)/python -m uv pip install --quiet --python $(VENV)-dataset/bin/python --group test --group dataset --editable .
	$(VENV)-dataset/bin/python -m pytest $(ARGS) tests/read/test_loaded.py

lint: $(VENV)/.dev-ready ## check style, formatting and who imports whom
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev-ready ## put style and formatting right where a tool can
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

types: $(VENV)/.dev-ready ## check types
	$(BIN)/python -m mypy

docs: $(VENV)/.dev-ready ## build the documentation into docs/_build/html, warnings as errors
	$(BIN)/python docs/generate.py --check
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html $(ARGS)
	@echo "docs: open docs/_build/html/index.html"

bench: $(VENV)/.test-ready ## measure what spanglass costs, beside the budgets (ARGS=--quick is faster)
	$(BIN)/python benchmarks/run.py $(ARGS)

up: ## run Collector, Jaeger and the sidecar in containers, on this machine's loopback address only
	@touch .env && chmod 600 .env && grep -q '^SPANGLASS_SERVER_TOKEN=.' .env || \
	  printf 'SPANGLASS_SERVER_TOKEN=%s\n' "$$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >>.env
	$(COMPOSE) up --build --detach --wait $(ARGS)
	@echo "up: Jaeger is at http://localhost:16686, the context windows at http://localhost:8088 (the token they ask for"
	@echo "    once is in .env); programs send to the Collector at http://localhost:4318"

down: ## stop what `make up` started; the data stays (ARGS=--volumes forgets it)
	$(COMPOSE) down $(ARGS)

backends: ## build the real Jaeger and the real Collector into .backends/bin, for the end-to-end tests (needs Go)
	@backends/build

beside: $(VENV)-beside/.ready ## make the environment with other vendors' instrumentations, for the tests beside them

wheel: $(VENV)/.dev-ready ## build the wheel and the source distribution into dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation

pins: $(VENV)/.dev-ready ## renew the pinned versions of requirements/
	@for group in dev test beside; do \
	  $(BIN)/python -m uv pip compile --quiet --upgrade --universal --python-version 3.10 \
	    --no-emit-index-url --no-header --no-annotate pyproject.toml --group $$group \
	    $$([ $$group = dev ] || echo "--constraints requirements/dev.txt") --output-file requirements/$$group.txt || exit 1; \
	done

changelog: $(VENV)/.dev-ready ## show what the next release's changelog will say
	@$(BIN)/towncrier build --draft $(ARGS)

clean: ## remove what the other targets made, except the environment
	rm -rf dist build docs/_build .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests benchmarks examples docs -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove the environments and the backends too
	rm -rf $(VENV) $(VENV)-newest $(VENV)-dataset $(VENV)-beside .backends

# The environment.

$(BIN)/python:
	@for python in $(PYTHON) python3.14 python3.13 python3.12 python3.11 python3.10; do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then \
	    echo "make: creating $(VENV) with $$($$python -V)"; \
	    exec $$python -m venv $(VENV); \
	  fi; \
	done; \
	echo "make: no Python 3.10 or newer with venv and pip was found; install one (on Debian and Ubuntu: apt install" >&2; \
	echo "      python3-venv) or name it: make PYTHON=/path/to/python3.12" >&2; \
	exit 1

# uv installs in seconds where pip takes a minute; where it has no wheel, pip does the same work.
define install
@echo "make: installing $(1) into $(VENV)"
@$(BIN)/python -m uv --version >/dev/null 2>&1 || \
  $(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: -r requirements/uv.txt || true
@if $(BIN)/python -m uv --version >/dev/null 2>&1; then pip="uv pip install --python $(BIN)/python"; else pip="pip install"; fi; \
  $(BIN)/python -m $$pip --quiet -r $(1) && $(BIN)/python -m $$pip --quiet --no-deps --editable .
endef

$(VENV)/.test-ready: pyproject.toml requirements/test.txt | $(BIN)/python
	$(call install,requirements/test.txt)
	@touch $@

# Without pip, and beside the sources' own environment: what is in it would switch itself on under every launcher.
$(VENV)-beside/.ready: pyproject.toml requirements/beside.txt | $(VENV)/.test-ready
	@echo "make: installing requirements/beside.txt into $(VENV)-beside"
	@rm -rf $(VENV)-beside && $(BIN)/python -m venv --without-pip $(VENV)-beside
	@if $(BIN)/python -m uv --version >/dev/null 2>&1; then pip="uv pip install --python $(VENV)-beside/bin/python"; \
	  else pip="pip --python $(VENV)-beside/bin/python install"; fi; \
	  $(BIN)/python -m $$pip --quiet -r requirements/beside.txt && $(BIN)/python -m $$pip --quiet --no-deps --editable .
	@touch $@

$(VENV)/.dev-ready: pyproject.toml requirements/dev.txt requirements/test.txt | $(BIN)/python
	$(call install,requirements/dev.txt)
	@touch $(VENV)/.test-ready $@
