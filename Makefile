# Sets up .venv by itself (with uv where it is found, else with pip) and runs the project's commands.
# Two levels: what a user needs (`make demo`), and on top of it what the checks and benchmarks need.

# The first of these that is Python 3.11 or newer; set PYTHON=/path/to/python to choose another.
PYTHON_NAMES := python3 python3.14 python3.13 python3.12 python3.11 python
IS_FIT       := -c 'import sys; sys.exit(sys.version_info < (3, 11))'

BIN  := .venv/bin
LOCK := requirements.lock

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-install coverage torture fuzz check docs format bench lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: .venv/.core  ## route a parent order over three real recorded order books, and report it
	@$(BIN)/sorsim run three_real_books --report

# A worker for each core, four at most: each holds what it has imported and read, some 0.7 GB.
SPREAD := -n auto --maxprocesses 4

test: .venv/.dev  ## the tests, without those marked slow or bench
	@.ci/browser
	@$(BIN)/pytest -q $(SPREAD) -m "not slow and not bench"

test-all: .venv/.dev  ## all tests but the speed measurements, and long runs of the state machines
	@.ci/browser
	@SORSIM_MACHINES=all $(BIN)/pytest -q -m "not bench"

test-install: .venv/.dev  ## a wheel in an environment of its own, and the long examples of the docs
	@$(BIN)/pytest -q -m slow tests/packaging tests/docs

# make fuzz SECONDS=600 PARSERS="scenario log_edits" for longer, or for some of them.
fuzz: .venv/.dev  ## every parser of outside text and bytes, SECONDS (60) each
	@$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(PARSERS)

# Tests that measure CPU time may fail under it: what they reached is reported all the same.
coverage: .venv/.dev  ## branches that the fast tests reach; brings coverage.py along
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check coverage
	@$(BIN)/python -m coverage erase
	-@$(BIN)/python -m coverage run -m pytest -q $(SPREAD) -m "not slow and not bench"
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

# Scenarios that run in a blink, and between them have every kind of venue and most settings.
TORTURED := fragmented partial_fill stale_quotes rejects_and_timeouts two_parents halt midpoint \
  dark_first controls slow_venue venue_kinds faulty_day placement monte_carlo
SEEDS := 100000
SEED  := 0
KILLS := 2000

torture: .venv/.dev  ## random worlds under random faults (SEEDS from SEED on), and killed runs (KILLS)
	@$(BIN)/sorsim torture $(TORTURED) --seeds $(SEEDS) --seed $(SEED)
	@KILL_POINTS=$(KILLS) $(BIN)/pytest -q tests/torture

check: .venv/.dev  ## format, lint, types, import doors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/.dev  ## write the references in docs/ anew from the code
	@$(BIN)/python -m docs.generate

format: .venv/.dev  ## rewrite the sources in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.dev  ## measure speed, peers side by side
	@$(BIN)/sorsim bench

lock: | .venv/bin/python  ## resolve all extras anew and write requirements.lock
	$(BIN)/python .ci/lock.py > $(LOCK).new
	mv $(LOCK).new $(LOCK)

clean:  ## remove .venv, caches and built files; logs stay
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------- set-up

# $(call install,WHAT): install WHAT (editable) with the versions of the lock.
define install
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --python $(BIN)/python --constraint $(LOCK) --editable '$(1)'; \
	else \
	  $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(LOCK) --editable '$(1)'; \
	fi
endef

.venv/bin/python:
	@if [ -n "$(PYTHON)" ]; then found="$(PYTHON)"; \
	  "$$found" $(IS_FIT) || { echo "sorsim needs Python 3.11 or newer; PYTHON=$$found is not." >&2; exit 1; }; \
	else found=; for name in $(PYTHON_NAMES); do \
	  if "$$name" $(IS_FIT) >/dev/null 2>&1; then found="$$name"; break; fi; done; fi; \
	if [ -n "$$found" ]; then \
	  echo "setting up .venv with $$("$$found" --version)"; "$$found" -m venv .venv; \
	elif command -v uv >/dev/null 2>&1; then uv venv --quiet --python '>=3.11' .venv; \
	else echo "sorsim needs Python 3.11 or newer; python3 is $$(python3 --version 2>&1)." \
	  "Install one, or name it: make demo PYTHON=/path/to/python3.11" >&2; exit 1; fi

# After the venv exists only the packages are brought up to date: the interpreter's own date says nothing.
.venv/.core: pyproject.toml $(LOCK) | .venv/bin/python
	$(call install,.[report])
	@touch $@

.venv/.dev: .venv/.core
	$(call install,.[ci$(comma)bench])
	@touch $@

comma := ,
