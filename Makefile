# `make demo` and `make test` do everything on a machine that has Python 3.11 or newer.
# What they install is pinned in requirements.lock, which `make lock` writes.

PYTHON ?= python3
VENV := .venv
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN = $(VENV)/$(SCRIPTS)
STAMP := $(VENV)/.installed
# ClustPy, a peer, needs torchvision, and with it a torch of its own.
BENCH := .venv-bench
BENCH_STAMP := $(BENCH)/.installed
OLDEST := .venv-oldest
NEWEST := .venv-newest
DIST := .venv-dist
# Which torch `make test-newest` takes, and options of its pip, such as --pre.
TORCH ?= torch
NEWEST_OPTIONS ?=
# Which build of torch uv takes; empty for that of the configured index.
TORCH_BACKEND ?= --torch-backend cpu

# At most four test processes, one thread each: torch's thread pools would compete for the cores.
TEST_ENV := OMP_NUM_THREADS=1 SCIPY_ARRAY_API=1 MPLBACKEND=Agg
PYTEST_OPTIONS ?= -q -n auto --maxprocesses=4 --dist=worksteal

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint docs docs-test dist-test test-gpu test-oldest test-newest bench bench-quick mutation same sequences house findings lock clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 13

setup: $(STAMP)  ## Set up what the other commands need

demo: $(STAMP)  ## Set up (the first time) and run the demonstration
	$(BIN)/python examples/demo.py

test: $(STAMP)  ## Set up (the first time) and run every test
	$(TEST_ENV) $(BIN)/python -m pytest $(PYTEST_OPTIONS)

lint: $(STAMP)  ## Check style, format, types and the workflows of continuous integration
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyrefly check --python-interpreter-path $(BIN)/python
	$(BIN)/python tests/typed/check.py
	$(BIN)/zizmor --quiet --offline --persona pedantic .github
	$(BIN)/repo-review .

# The examples whose data are here run; MNIST is taken from $SKDEEPCLUST_DATA/mnist.
docs: $(STAMP)  ## Build the documentation and its gallery (a quarter of an hour, then what changed)
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -b html -W --keep-going -j 1 docs docs/_build/html

docs-test: docs  ## Open every page of the documentation in a browser (needs Chromium or Chrome)
	$(BIN)/python -m pytest -q -c tests_site/pytest.ini tests_site

dist-test: $(STAMP) $(DIST)/.empty  ## Build the package, install it with its core dependencies alone and try it
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(DIST)/$(SCRIPTS)/python .ci/dist_test.py

test-gpu: $(STAMP)  ## Test on the GPU of this machine; `make test` leaves it alone
	SKDEEPCLUST_TEST_GPU=1 $(TEST_ENV) $(BIN)/python -m pytest $(PYTEST_OPTIONS) \
	  tests/engine/test_devices.py tests/engine/test_captured.py tests/clusters/test_mixtures.py \
	  tests/graph/test_device_search.py

test-oldest:  ## Test with the lowest versions that pyproject.toml admits
	$(PYTHON) -m venv --clear $(OLDEST)
	$(OLDEST)/$(SCRIPTS)/python -m pip install $(QUIETLY) uv
	$(OLDEST)/$(SCRIPTS)/uv pip install -q --python $(OLDEST)/$(SCRIPTS)/python --resolution lowest-direct \
	  $(TORCH_BACKEND) -e ".[plot,progress]" --group test
	$(TEST_ENV) $(OLDEST)/$(SCRIPTS)/python -m pytest $(PYTEST_OPTIONS)

test-newest:  ## Check and test with the newest releases instead of the lock; a failure is news
	$(PYTHON) -m venv --clear $(NEWEST)
	$(NEWEST)/$(SCRIPTS)/python -m pip install $(QUIETLY) --upgrade pip
	$(NEWEST)/$(SCRIPTS)/python -m pip install $(QUIETLY) $(NEWEST_OPTIONS) "$(TORCH)" -e ".[plot,progress,export]" --group dev
	@$(MAKE) --no-print-directory --keep-going lint test VENV=$(NEWEST) STAMP=

bench: $(BENCH_STAMP)  ## Run every benchmark (a day of one core; goes on where it was cut off)
	$(BENCH)/$(SCRIPTS)/python -m benchmarks.run

bench-quick: $(BENCH_STAMP)  ## Run a slice of the benchmarks in ten minutes
	$(BENCH)/$(SCRIPTS)/python -m benchmarks.run --quick

mutation: $(STAMP)  ## Change the code, line by line, and see whether tests notice (20 minutes)
	$(TEST_ENV) $(BIN)/mutmut run --max-children 2
	$(BIN)/python -m benchmarks.mutation.run

# A commit, or a folder with the package in it.
BASE ?= HEAD

same: $(STAMP)  ## Compare hundreds of small fits with those of BASE=commit, bit for bit (two minutes)
	PYTHONPATH=tests $(BIN)/python -m same $(BASE)

# Numbers of the first random sequence and how many.
SEED ?= 0
COUNT ?= 100000

sequences: $(STAMP)  ## Make COUNT random sequences of public calls and check what must hold (hours)
	PYTHONPATH=tests:. OMP_NUM_THREADS=1 $(BIN)/python -m sequences --seed $(SEED) --count $(COUNT)

house: $(STAMP)  ## Count files, bases, imports, and moves from file to file in a fit
	PYTHONPATH=. OMP_NUM_THREADS=1 $(BIN)/python tests/house.py

findings:  ## Run findings/, surprises of other packages, and say which still hold (downloads them)
	@status=0; for script in findings/*.sh; do \
	  if output=$$(PYTHON="$(PYTHON)" bash $$script 2>&1); then echo "holds    $$script"; \
	  else status=1; echo "CHANGED  $$script"; echo "$$output" | tail -n 3; fi; done; exit $$status

lock:  ## Write requirements.lock and that of the benchmarks from the newest releases
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/$(SCRIPTS)/python -m pip install $(QUIETLY) uv
	PATH=.venv-lock/$(SCRIPTS):$$PATH .venv-lock/$(SCRIPTS)/python .ci/lock.py $(LOCK_OPTIONS)

clean:  ## Remove the virtual environments, caches and build outputs
	rm -rf .venv .venv-* mutants build dist docs/_build docs/generated docs/auto_examples .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): $(VENV)/.locked pyproject.toml
	$(call install_package,$(VENV))
	@touch $@

$(VENV)/.locked: requirements.lock
	$(call install_lock,$(VENV),$<)
	@touch $@

# What `make dist-test` installs there comes from the metadata of the package alone.
$(DIST)/.empty: requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear $(DIST)
	@touch $@

$(BENCH_STAMP): $(BENCH)/.locked pyproject.toml
	$(call install_package,$(BENCH))
	@touch $@

$(BENCH)/.locked: benchmarks/requirements.lock
	$(call install_lock,$(BENCH),$<)
	@touch $@

QUIETLY := -qq --disable-pip-version-check --no-input

# $(call install_lock,FOLDER,LOCK): all but torch by its hash, then torch.
define install_lock
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
  { echo "skdeepclust needs Python 3.11 or newer; name one with: make setup PYTHON=python3.12" >&2; exit 1; }
@echo "Setting up $(1) (once, a few minutes) ..."
@$(PYTHON) -m venv --clear $(1)
@grep -v '^torch' $(2) > $(1)/hashed.lock
@$(1)/$(SCRIPTS)/python -m pip install $(QUIETLY) --no-deps --require-hashes -r $(1)/hashed.lock
@$(1)/$(SCRIPTS)/python -m pip install $(QUIETLY) $$(grep -oE '^torch[a-z]*==[^ ]+' $(2))
endef

define install_package
@$(1)/$(SCRIPTS)/python -m pip install $(QUIETLY) --no-deps --no-build-isolation -e .
endef
