# `make lab` to work on the labs, `make test` to prove the course; `make help` lists the rest.
PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
ARGS ?=
WORKERS ?= 2

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help lab test test-browser site bench clean

BIN := $(VENV)/bin
STAGE := bash scripts/stage
EXTRAS := instructor,dev,site
install = bash scripts/install $(BIN)/python $(CONSTRAINTS) "$(1)"
SOURCES := $(wildcard solutions/*.py lectures/*.py course_staff/authoring/*.*) nbgrader_config.py
# Workers share the cores, so that a model in one does not starve the others.
THREADS := $(shell cores=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); \
	echo $$(( cores > $(WORKERS) ? cores / $(WORKERS) : 1 )))
# A worker that crashes is not replaced: xdist would wait for it for ever. Tests of the library go one by one to whoever is
# free (whole files, of very unequal length, left a worker idle for minutes); a notebook's cells must stay together.
PARALLEL := -n $(WORKERS) --max-worker-restart 0 --dist
# Many of them wait for processes that they start: with two workers, two cores were busy for three quarters of the time.
ONE_MORE := $(shell echo $$(( $(WORKERS) + 1 )))
# JupyterLab refuses root without a word from us, and there is no browser to open on a server.
OPTIONS := $(if $(filter 0,$(shell id -u)),--allow-root) \
	$(if $(CI),--no-browser,$(if $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname)),,--no-browser))

help:
	@echo "make lab           set up and open JupyterLab on the START page; options: make lab ARGS=\"--port 9999\""
	@echo "make test          prove the course: style, derived files, library, notebooks, graders"
	@echo "make test-browser  prove lab 00, formgrader and the website in a browser (needs chromium and chromedriver)"
	@echo "make site          build the website into build/website/html; make site ARGS=serve shows it, too"
	@echo "make bench         measure, and fill BENCHMARKS.md"
	@echo "make clean         delete what is derived or cached here, and keep $(VENV)"
	@echo "another Python: make lab PYTHON=python3.12; another folder: make lab VENV=/somewhere/venv"

# The folder jupyter/ switches off news and nbgrader's tools for teachers, and opens Markdown as a page.
lab: $(VENV)/.stamp-built $(VENV)/.stamp-kernel
	@echo "JupyterLab prints its address below; Ctrl-C stops it."
	@PATH="$(abspath $(BIN)):$$PATH" JUPYTER_CONFIG_PATH="$(CURDIR)/jupyter" exec $(BIN)/jupyter lab \
		--ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/labs/START.md $(OPTIONS) $(ARGS)

# The check of derived files comes before anything derives them, or it could never fail.
test: $(VENV)/.stamp-dev $(VENV)/.stamp-kernel
	@$(STAGE) --limit 300 "style" bash -c "$(BIN)/ruff check . && $(BIN)/ruff format --check ."
	@$(STAGE) --limit 300 "imports" $(BIN)/lint-imports
	@$(STAGE) --limit 600 "types" $(BIN)/mypy
	@$(STAGE) --limit 300 "derived files" $(BIN)/course build --check
	@$(STAGE) --limit 300 "lengths" $(BIN)/python scripts/lengths.py
	@$(STAGE) --limit 300 "build" $(BIN)/course build
	@OMP_NUM_THREADS=$(THREADS) $(STAGE) --limit 2700 "library" $(BIN)/python -m pytest -m "not browser" \
		$(PARALLEL) worksteal -n $(ONE_MORE) --durations=25 --cov=course_lib --cov=course_staff --cov-branch --cov-report=term --cov-fail-under=90 tests
	@OMP_NUM_THREADS=$(THREADS) COURSE_PROFILE=ci $(STAGE) --limit 1800 "notebooks" $(BIN)/python -m pytest \
		--nbval-lax --nbval-current-env --nbval-cell-timeout 120 $(PARALLEL) loadfile solutions lectures
	@OMP_NUM_THREADS=$(THREADS) $(STAGE) --limit 1800 "graders" $(BIN)/course check --workers $(WORKERS)

test-browser: $(VENV)/.stamp-dev $(VENV)/.stamp-built $(VENV)/.stamp-kernel
	@$(STAGE) --limit 1800 "browser" $(BIN)/python -m pytest -m browser tests/browser

# Lectures are executed in profile cpu, once: build/website/cache keeps them. Serving ends with Ctrl-C, and has no limit.
site: $(VENV)/.stamp-dev $(VENV)/.stamp-kernel
	@$(STAGE) --limit 7200 "site" $(BIN)/python -m website.build --workers $(WORKERS) $(filter-out serve,$(ARGS))
	@$(if $(filter serve,$(ARGS)),exec $(BIN)/python -m website.server build/website/html)

bench: $(VENV)/.stamp-dev
	@$(STAGE) --limit 14400 "bench" $(BIN)/python scripts/bench.py

# Stamp files remember what was done for which pyproject.toml, constraints and sources: a second run skips it.
$(VENV)/.stamp-venv:
	@command -v $(PYTHON) >/dev/null || { \
		echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name one: make lab PYTHON=/path/to/python3"; \
		exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$$($(PYTHON) --version) is too old: the course needs 3.11 or newer. Name one: make lab PYTHON=python3.12"; \
		exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) has no venv module. On Debian or Ubuntu: sudo apt install python3-venv"; \
		exit 1; }
	@test -x $(BIN)/python || $(STAGE) "environment" $(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.stamp-installed: $(VENV)/.stamp-venv pyproject.toml $(CONSTRAINTS)
	@$(STAGE) "install" $(call install,.[instructor])
	@touch $@

$(VENV)/.stamp-dev: $(VENV)/.stamp-installed
	@$(STAGE) "install for tests" $(call install,.[$(EXTRAS)])
	@touch $@

# A student's answers lie in labs/ too: --keep leaves notebooks that hold any, committed or not, as they are.
# A student's copy has no solutions: there is nothing to derive from.
$(VENV)/.stamp-built: $(VENV)/.stamp-installed $(SOURCES)
	@if ls solutions/lab*.py >/dev/null 2>&1; then $(STAGE) --limit 300 "build" $(BIN)/course build --keep; fi
	@touch $@

$(VENV)/.stamp-kernel: $(VENV)/.stamp-installed
	@$(BIN)/python -m ipykernel install --sys-prefix --name python3 --display-name "Python 3 (ipykernel)" >/dev/null
	@touch $@

clean:
	rm -rf .pytest_cache .ruff_cache .mypy_cache .coverage .coverage.* htmlcov dist build artifacts gradebook.db
	rm -rf $(wildcard solutions/*/)
	rm -f $(VENV)/.stamp-*
	find . -path "./.venv*" -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -exec rm -rf {} +
