# Everything here works from a bare clone with Python 3.11+ and make. `make` alone lists what there is.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
# PYTHON=/path/to/python3 chooses one; else the newest of these that can make a virtual environment.
PYTHON ?=
CANDIDATES := python3.14 python3.13 python3.12 python3.11 python3 python
# Tests wait as much as they work, so three share two cores; PYTEST_WORKERS=0 runs them in one process.
PYTEST_WORKERS ?= 3
# Where there are four gigabytes of it to spare, tests' ledgers lie in memory: most of the waiting is for disks.
MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4194304 { print "TMPDIR=/dev/shm" }')
# Python keeps compiled tests whatever the environment says: compiling is half of a worker's start.
PYTEST = $(MEMORY) PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal
TOUR ?=
LOCALE ?=
SHARDS ?=
# Wheels alone: what is installed runs nothing of its own while that is done.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all:

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install release sandbox test quick histories mutants promises trace bench bench-peers lint types imports lock screenshots clean

help: ## list what make can do
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

install: $(VENV)/.runtime ## install what the bot needs into .venv

sandbox: $(VENV)/.sandbox ## local Discord and payments, the bot, a tour, a page (TOUR=only: no page; LOCALE=de, SHARDS=4)
	@TOUR=$(TOUR) LOCALE=$(LOCALE) SHARDS=$(SHARDS) $(BIN)/python -m sandbox

test: lint types imports ## linters, types and the whole suite
	@$(PYTEST)

quick: $(VENV)/.dev ## rules, ledger, providers and listener; without slow tests, whole programs and the sandbox
	@$(PYTEST) -m 'not browser and not slow' $(addprefix --ignore=tests/,app attackers crashes e2e outages sandbox simulation standins)

histories: $(VENV)/.dev ## play N histories of people, money and faults (N=2000; SEED=17: that one)
	@N=$(N) SEED=$(SEED) $(BIN)/python -m tests.simulation

trace: $(VENV)/.dev ## count the functions that a webhook and a press of Cancel pass (V=1: list them)
	@V=$(V) $(BIN)/python -m tools.trace

bench: $(VENV)/.dev ## what the program costs, a quarter of an hour; writes docs/performance.md (TOPIC=name: one part)
	@$(BIN)/python -m bench $(TOPIC)

bench-peers: $(VENV)/.dev ## the same for dj-stripe and Express, installed below build/ from the registries
	@$(BIN)/python -m bench.peers

mutants: $(VENV)/.dev ## take the program's guards away, one at a time: the tests must notice (ONLY=brake: those)
	@ONLY="$(ONLY)" $(BIN)/python -m tools.mutants

promises: $(VENV)/.dev ## run all that proves the promises (N=5: that one; N=page: write docs/promises.md)
	@N=$(N) PYTEST_WORKERS=$(PYTEST_WORKERS) $(BIN)/python -m tools.promises

lint: $(VENV)/.dev ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy, strict
	@$(BIN)/mypy

imports: $(VENV)/.dev ## the walls of the house
	@$(BIN)/lint-imports

screenshots: $(VENV)/.dev ## take the pictures in docs/images afresh (needs Chromium)
	@$(BIN)/python -m tools.screenshots

lock: $(VENV)/.dev ## resolve the lock files afresh (UPGRADE=1: to the newest versions)
	@$(BIN)/python -m tools.lock $(if $(UPGRADE),--upgrade)

release: $(VENV)/.interpreter ## make a release's tarball, list of packages and hashes in build/release (CONTRIBUTING.md)
	@$(BIN)/python -m tools.release

clean: ## remove .venv, the peers and what tools left behind
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build/peers
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.runtime: requirements.lock $(VENV)/.interpreter
	@echo "Installing what the bot needs into $(VENV), about a minute ..."
	@$(INSTALL) -r $< && touch $@

$(VENV)/.sandbox: requirements-sandbox.lock $(VENV)/.interpreter
	@echo "Installing what the sandbox needs into $(VENV) ..."
	@$(INSTALL) -r $< && touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.interpreter
	@echo "Installing what the tests need into $(VENV) ..."
	@$(INSTALL) -r $< && touch $@

# Packages are installed for one interpreter. With a host's new Python .venv/bin/python still starts and finds none of
# them, so what .venv was made with is noted in it, and .venv is made anew where it says something else or nothing.
NAMES_ITSELF := import os, sys; print(sys.version.split()[0], os.path.realpath(sys.executable))
ifneq ($(shell cat $(VENV)/.interpreter 2>/dev/null),$(shell $(BIN)/python -c '$(NAMES_ITSELF)' 2>/dev/null))
.PHONY: another
another:
$(VENV)/.interpreter: another
endif

# A Python is fit when it is new enough and can make an environment with pip in it (Debian splits that off).
$(VENV)/.interpreter:
	@for python in $(or $(PYTHON),$(CANDIDATES)); do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    found=$$python; \
	    $$python -c 'import ensurepip, venv' 2>/dev/null || continue; \
	    echo "Making $(VENV) with $$($$python --version) ..."; \
	    rm -rf $(VENV) && $$python -m venv $(VENV) && \
	        $(BIN)/python -c '$(NAMES_ITSELF)' > $@ && exit 0; \
	    echo "$$python could not make $(VENV); its own words stand above." >&2; exit 1; \
	done; \
	if [ -n "$$found" ]; then \
	    echo "$$found lacks venv or ensurepip. On Debian and Ubuntu: apt-get install python3-venv" >&2; \
	else \
	    echo "Dues needs Python 3.11 or newer, and none was found among: $(or $(PYTHON),$(CANDIDATES))." >&2; \
	    echo "Install one, or name it: make PYTHON=/path/to/python3 ..." >&2; \
	fi; exit 1
