# `make demo` and `make test` do everything on a machine that has Python 3.11 or newer.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs
OLDEST := .venv-oldest
# Which build of torch uv takes; empty for that of the configured index.
TORCH_BACKEND ?= --torch-backend cpu
# What the benchmarks compare with needs torchvision, and with it a torch of its own.
BENCH := .venv-bench
BENCH_STAMP := $(BENCH)/.installed

# At most four test processes, one thread each: torch's thread pools would compete for the cores.
TEST_ENV := OMP_NUM_THREADS=1 SCIPY_ARRAY_API=1 MPLBACKEND=Agg
PYTEST_OPTIONS ?= -q -n auto --maxprocesses=4 --dist=worksteal

# Mutants of some files, each of which some test should notice.
MUTATION := .venv-mutation

.DEFAULT_GOAL := help
.PHONY: help demo test test-gpu test-oldest same house lint docs docs-test bench bench-quick mutation clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 8

demo: $(STAMP)  ## Set up (the first time) and run the demonstration
	$(BIN)/python examples/demo.py

test: lint  ## Set up (the first time), check style and types, run every test
	$(TEST_ENV) $(BIN)/python -m pytest $(PYTEST_OPTIONS)

test-gpu: $(STAMP)  ## Test on the GPU of this machine; `make test` leaves it alone
	SKDEEPCLUST_TEST_GPU=1 $(TEST_ENV) $(BIN)/python -m pytest $(PYTEST_OPTIONS) tests/test_devices.py

test-oldest:  ## Test with the lowest versions that pyproject.toml admits
	$(PYTHON) -m venv --clear $(OLDEST)
	$(OLDEST)/bin/python -m pip install -qq --disable-pip-version-check --no-input uv
	$(OLDEST)/bin/uv pip install -q --python $(OLDEST)/bin/python --resolution lowest-direct \
	  $(TORCH_BACKEND) -e ".[test,plot,progress]"
	$(TEST_ENV) $(OLDEST)/bin/python -m pytest $(PYTEST_OPTIONS)

# A commit, or a folder with the package in it.
BASE ?= HEAD

same: $(STAMP)  ## Compare hundreds of small fits with those of BASE=commit, bit for bit (two minutes)
	PYTHONPATH=tests $(BIN)/python -m same $(BASE)

house: $(STAMP)  ## Count files, bases, imports, and moves from file to file in a fit
	PYTHONPATH=. OMP_NUM_THREADS=1 $(BIN)/python tests/house.py

lint: $(STAMP)  ## Check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyrefly check

# The examples whose data are here run; MNIST is taken from $SKDEEPCLUST_DATA/mnist.
docs: $(DOCS_STAMP)  ## Build the documentation and its gallery (a quarter of an hour, then what changed)
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -b html -W --keep-going -j 1 docs docs/_build/html

docs-test: docs  ## Open every page of the documentation in a browser (needs Chromium or Chrome)
	$(BIN)/python -m pytest -q -c tests_site/pytest.ini tests_site

bench: $(BENCH_STAMP)  ## Run every benchmark (a day of one core; goes on where it was cut off)
	$(BENCH)/bin/python benchmarks/run.py

bench-quick: $(BENCH_STAMP)  ## Run a slice of the benchmarks in ten minutes
	$(BENCH)/bin/python benchmarks/run.py --quick

mutation:  ## Change the code, line by line, and see whether tests notice (20 minutes)
	$(PYTHON) -m venv $(MUTATION)
	$(MUTATION)/bin/python -m pip install -qq --disable-pip-version-check --no-input \
	  -c constraints.txt -e ".[test,plot,progress,mutation]"
	$(TEST_ENV) $(MUTATION)/bin/mutmut run --max-children 2
	PYTHONPATH=. $(MUTATION)/bin/python benchmarks/mutation.py

clean:  ## Remove the virtual environment, caches and build outputs
	rm -rf $(VENV) $(BENCH) $(OLDEST) $(MUTATION) mutants build dist docs/_build docs/generated docs/auto_examples .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt
	$(call install,$(VENV),-c constraints.txt)
	@touch $@

$(DOCS_STAMP): $(STAMP) pyproject.toml
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-input -c constraints.txt -e ".[docs]"
	@touch $@

$(BENCH_STAMP): pyproject.toml benchmarks/requirements.txt
	$(call install,$(BENCH),-r benchmarks/requirements.txt)
	@touch $@

# $(call install,FOLDER,OPTIONS of pip)
define install
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
  { echo "skdeepclust needs Python 3.11 or newer; name one with: make PYTHON=python3.12" >&2; exit 1; }
@echo "Setting up $(1) (once, a few minutes) ..."
@$(PYTHON) -m venv $(1)
@$(1)/bin/python -m pip install -qq --disable-pip-version-check --no-input $(2) -e ".[test,plot,progress]"
endef
