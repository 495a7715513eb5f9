# `make demo` and `make test` do everything on a machine that has Python 3.11 or newer.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# At most four test processes, one thread each: torch's thread pools would compete for the cores.
TEST_ENV := OMP_NUM_THREADS=1 SCIPY_ARRAY_API=1 MPLBACKEND=Agg
PYTEST_OPTIONS ?= -q -n auto --maxprocesses=4 --dist=worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench clean

help:  ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 8

demo: $(STAMP)  ## Set up (the first time) and run the demonstration
	$(BIN)/python examples/demo.py

test: lint  ## Set up (the first time), check style and types, run every test
	$(TEST_ENV) $(BIN)/python -m pytest $(PYTEST_OPTIONS)

lint: $(STAMP)  ## Check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyrefly check

bench: $(STAMP)  ## Measure clustering quality and speed
	$(BIN)/python benchmarks/triplet_dec.py

clean:  ## Remove the virtual environment, caches and build outputs
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "skdeepclust needs Python 3.11 or newer; name one with: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up $(VENV) (once, a few minutes) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-input \
	  -c constraints.txt -e ".[test,plot,progress]"
	@touch $@
