# `make fit` and `make test` do all the set-up by themselves, inside this folder.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Nothing is written outside this folder: caches of pip, matplotlib and others stay in .cache.
export PIP_CACHE_DIR := $(CURDIR)/.cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export MPLCONFIGDIR := $(CURDIR)/.cache/matplotlib
export XDG_CACHE_HOME := $(CURDIR)/.cache
export HF_HOME := $(CURDIR)/.cache/huggingface
export PRE_COMMIT_HOME := $(CURDIR)/.cache/pre-commit
export PYTHONPYCACHEPREFIX := $(CURDIR)/.cache/pycache

.PHONY: help fit test check slow peers docs wheel release bench clean

help:
	@echo "make fit      train on handwritten digits, offline, and print the report's path"
	@echo "make test     the fast test suite"
	@echo "make check    linters, types, import contracts, docs"
	@echo "make slow     the tests that take longer: kills and resumes, two processes"
	@echo "make peers    other packages through our laws (installs them into .venv-peers)"
	@echo "make release  build the wheel, install it into an empty environment, fit there"
	@echo "make docs     the documentation into docs/site"

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "vademecum needs Python 3.11 or later: this is " + sys.version.split()[0] + "; try make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt torch
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	touch $(READY)

fit: $(READY)
	$(BIN)/vade fit

# One thread a test and one test a core: small tensors gain nothing from threads that wait for each other.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto -m 'not slow and not peer and not nightly' --skips 0

# Claims compute, one a core; what kills processes and counts seconds runs alone.
slow: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto -m 'slow and not peer and not nightly' --skips 0 tests/test_claims.py
	OMP_NUM_THREADS=1 $(BIN)/pytest -m 'slow and not peer and not nightly' --skips 0 --ignore tests/test_claims.py

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/mkdocs build --strict --quiet

docs: $(READY)
	$(BIN)/mkdocs build --strict

peers: $(READY)
	bash tests/peers/run.sh

wheel: $(READY)
	rm -rf dist
	$(BIN)/python -m build --quiet --outdir dist

release: wheel
	bash tests/release.sh

bench: $(READY)
	$(BIN)/python benchmarks/import_time.py
	$(BIN)/python benchmarks/fit_step.py
	$(BIN)/python benchmarks/fit_digits.py
	$(BIN)/python benchmarks/fit_tables.py
	$(BIN)/python benchmarks/optimizers.py

clean:
	rm -rf .venv .venv-peers .cache dist build
