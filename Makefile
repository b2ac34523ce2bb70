# Two commands do everything: `make book` and `make test`.

# what the reader's shell says to Python is not for the book
unexport PYTHONPATH PYTHONHOME PYTHONOPTIMIZE PYTHONSTARTUP PYTHONWARNINGS PYTHONDONTWRITEBYTECODE
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
LINKED := $(VENV)/.linked
JOBS   ?= 2
# rooms whose tests take seconds
FAST   := tests/paper tests/formulas tests/statements tests/book tests/test_layers.py tests/test_repository.py tests/test_validation.py

.DEFAULT_GOAL := help
.PHONY: help book fresh chapter preview pdf reproduce test check lint hooks proofs bench lab notebooks lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "Python 3.11 or newer is needed, but $(PYTHON) is %d.%d. Use make PYTHON=python3.12, for example." % v[:2])'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.txt
	@touch $(READY)

# the packages stay as they are when only pyproject.toml changes
$(LINKED): $(READY) pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $(LINKED)

book: $(LINKED) ## run the chapters that changed and all their checks, build _build/html
	$(BIN)/python -m sdtheory.book.build --jobs $(JOBS)

fresh: $(LINKED) ## the same, but run every chapter, changed or not
	$(BIN)/python -m sdtheory.book.build --jobs $(JOBS) --fresh

chapter: $(LINKED) ## run one chapter and make its page: make chapter NAME=rounds
	$(BIN)/python -m sdtheory.book.preview $(NAME)

preview: $(LINKED) ## show the pages as you write, on localhost: make preview [NAME=rounds]
	$(BIN)/python -m sdtheory.book.preview --serve $(NAME)

pdf: book ## print the built book into _build/book.pdf, with Chromium or Chrome: minutes
	$(BIN)/python -m sdtheory.book.pdf

reproduce: $(LINKED) ## run every chapter anew and compare each claim with the last build's
	$(BIN)/sdtheory reproduce --jobs $(JOBS)

lint: $(LINKED) ## ruff and basedpyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright

check: $(LINKED) ## before every commit: style, types of changed files, fast tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@{ git diff --name-only --diff-filter=d HEAD; git ls-files --others --exclude-standard; } | grep '^sdtheory/.*\.py$$' | xargs -r $(BIN)/basedpyright
	$(BIN)/python -m pytest --quiet --numprocesses $(JOBS) --dist loadfile -m "not slow and not book and not browser" $(FAST)

hooks: $(LINKED) ## let git run lint before every commit
	$(BIN)/pre-commit install

test: $(LINKED) ## run the tests, lint and types among them (with the built pages, if there are any)
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

proofs: $(LINKED) ## have Coq check the theorems of formal/, where it is installed
	$(BIN)/python -m sdtheory.evidence.formal

bench: $(LINKED) ## time all solvers against their baselines, ten minutes; the benchmark's chapter reads the result
	$(BIN)/python -m benchmarks

lab: $(LINKED) ## open the chapters in JupyterLab; what you save there is in book/NAME.md
	JUPYTER_CONFIG_DIR=$(VENV)/etc/jupyter $(BIN)/jupytext-config set-default-viewer markdown
	cd book && ../$(BIN)/jupyter lab

notebooks: $(LINKED) ## write the chapters as plain notebooks, not executed
	$(BIN)/python -m sdtheory notebooks --output notebooks

lock: $(READY) ## rewrite requirements.txt from pyproject.toml
	$(BIN)/uv pip compile --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --all-extras --no-annotate --no-header pyproject.toml -o requirements.txt

clean: ## remove what was built; notebooks/ may hold your work and stays
	rm -rf _build .pytest_cache .ruff_cache .hypothesis
