# Two commands do everything: `make book` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
JOBS   ?= 2

.DEFAULT_GOAL := help
.PHONY: help book test lint proofs bench lab notebooks lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "Python 3.11 or newer is needed, but $(PYTHON) is %d.%d. Use make PYTHON=python3.12, for example." % v[:2])'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $(READY)

book: $(READY) ## run all chapters and checks, build _build/html
	$(BIN)/python -m sdtheory.book.build --jobs $(JOBS)

lint: $(READY) ## ruff and basedpyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright

test: $(READY) lint ## lint, type-check and run the tests (with the built pages, if there are any)
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile

proofs: $(READY) ## have Coq check the theorems of formal/, where it is installed
	$(BIN)/python -m sdtheory.evidence.formal

bench: $(READY) ## time all routes against their baselines, 20 minutes; the chapter on scale reads the result
	$(BIN)/python -m benchmarks

lab: notebooks ## open the chapters in JupyterLab
	cd notebooks && ../$(BIN)/jupyter lab

notebooks: $(READY) ## write the chapters as plain notebooks, not executed
	$(BIN)/python -m sdtheory notebooks --output notebooks

lock: $(READY) ## rewrite requirements.txt from pyproject.toml
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --all-extras --no-annotate --no-header pyproject.toml -o requirements.txt

clean: ## remove what was built; notebooks/ may hold your work and stays
	rm -rf _build .pytest_cache .ruff_cache .hypothesis
