# Each target does its own set-up: a fresh machine needs Python 3.11+, make and Debian's packages.
# Everything lands in .venv and .cache; nothing is installed on the machine, `make clean` removes it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
SOURCES := exporter tests $(wildcard scripts dashboards benchmarks)
# Two cores are what CI has; tests that wait leave room for a third process, more would make deadlines restless.
PYTEST := $(BIN)/pytest -n 3

.DEFAULT_GOAL := help
.PHONY: help demo test test-lowest check release-check live chaos soak fuzz bench bench-fleet clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.run ## watch a simulated switch with live traffic; see http://127.0.0.1:9282/
	$(BIN)/freeswitch-exporter demo

test: $(VENV)/.dev .cache/.tools ## all tests that need no FreeSWITCH
	$(PYTEST) $(ARGS)

test-lowest: ## all tests with the lowest versions of the dependencies that pyproject.toml allows
	@mkdir -p .cache
	$(PYTHON) scripts/lowest_versions.py > .cache/lowest.txt
	PIP_CONSTRAINT=$(CURDIR)/.cache/lowest.txt $(MAKE) test VENV=.venv-lowest

check: $(VENV)/.dev .cache/.tools ## lint, format, types, tests with branch coverage
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(SOURCES)
	$(PYTEST) --cov --cov-report=term $(ARGS)

release-check: $(VENV)/.dev ## build the packages into dist, install and try them in a bare environment
	$(BIN)/python -m scripts.release_check $(ARGS)

live: $(VENV)/.dev .cache/.tools ## tests against the FreeSWITCH lab at FREESWITCH_LIVE=127.0.0.1:8021
	@test -n "$$FREESWITCH_LIVE" || { echo "Say where it listens: make live FREESWITCH_LIVE=127.0.0.1:8021" >&2; exit 2; }
	$(BIN)/pytest -m live $(ARGS)

chaos: $(VENV)/.dev ## random faults for a minute; ARGS="--seconds 600", ARGS="--seed 4711" as it printed
	$(BIN)/python -m tests.chaos $(ARGS)

soak: $(VENV)/.dev ## a week in virtual time, then 5 million events with restarts and cuts
	$(BIN)/python -m tests.soak $(ARGS)

fuzz: $(VENV)/.fuzz ## any bytes into every parser, guided by coverage; ARGS="--seconds 600" for each
	$(BIN)/python -m tests.fuzz $(ARGS)

bench: $(VENV)/.bench ## events per CPU-second beside other ESL libraries, scrape time, memory
	$(BIN)/python -m benchmarks $(ARGS)

bench-fleet: $(VENV)/.dev ## CPU, memory and scrape by switches, gateways and calls per second
	$(BIN)/python -m benchmarks fleet

clean: ## remove what the other targets set up
	rm -rf $(VENV) .venv-lowest .cache dist

$(BIN)/pip:
	scripts/venv.sh $(PYTHON) $(VENV)

$(VENV)/.run: pyproject.toml | $(BIN)/pip
	$(PIP) --editable .
	@touch $@

# The wheels are for the tests of the lines that install: these ask no package index.
$(VENV)/.dev: pyproject.toml | $(BIN)/pip
	$(PIP) --editable '.[dev]'
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --wheel-dir $(VENV)/wheels . 'setuptools>=77' pip
	@rm -rf build
	@touch $(VENV)/.run $@

# Without a wheel of atheris for this machine, hypothesis takes its place.
$(VENV)/.fuzz: pyproject.toml | $(BIN)/pip
	$(PIP) --editable '.[dev,fuzz]' || $(PIP) --editable '.[dev]'
	@touch $(VENV)/.run $(VENV)/.dev $@

$(VENV)/.bench: pyproject.toml | $(BIN)/pip
	$(PIP) --editable '.[bench]'
	@touch $(VENV)/.run $@

.cache/.tools: scripts/fetch-debian.sh
	scripts/fetch-debian.sh prometheus prometheus-alertmanager fonts-dejavu-core libatomic1
	test -x .cache/debian/usr/bin/promtool || scripts/fetch-debian.sh promtool # a package of its own from Debian 13 on
	scripts/fetch-debian.sh --with-depends chromium
	command -v curl >/dev/null || scripts/fetch-debian.sh --with-depends curl
	command -v systemd-analyze >/dev/null || scripts/fetch-debian.sh --with-depends systemd
	@touch $@
