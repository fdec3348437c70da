# Every target is one short line over `voiceloom` or pytest; `.venv` is made first where it is missing or outdated.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-fast lint bench overfit kit clean

demo: apt .venv/.installed            ## recordings in, a registered voice out
	$(BIN)/voiceloom run

test: .venv/.installed browser        ## everything, about twelve minutes: two processes of one thread each
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --durations 60

test-fast: .venv/.installed           ## without what takes more than a few seconds
	$(BIN)/pytest -m "not slow"

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: .venv/.installed               ## ratios against peers; needs a trained voice for some
	@set -e; for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python $$file; done

overfit: apt .venv/.installed         ## does it learn? sixteen utterances by heart, about six minutes
	PATH="$(CURDIR)/$(BIN):$$PATH" dvc repro features
	$(BIN)/python benchmarks/overfit.py

kit: .venv/.installed                 ## all that training needs, in 60 MiB, for a machine with a GPU and no network
	$(BIN)/voiceloom kit pack kit --preset base

clean:                                ## what can be made again; data, models, cache and registry stay
	rm -rf .venv runs build dist *.egg-info model_src/*.egg-info .pytest_cache .ruff_cache .hypothesis

.PHONY: apt browser
browser:                              # for the tests of the page; they are skipped without
	@command -v chromium >/dev/null && command -v npm >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium nodejs npm; } >/dev/null; } || echo 'Without chromium and npm the tests of the page in the browser are skipped'

apt:
	@! grep -q 'kind: debian' params.yaml || command -v apt-get >/dev/null || { echo 'The demo corpus is a Debian package and there is no apt here; use recordings of your own instead: make .venv/.installed && .venv/bin/voiceloom run --corpus FOLDER --speaker NAME --licence LICENCE --consent "who agreed, and when"' >&2; exit 2; }

.venv/.installed: pyproject.toml model_src/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Voiceloom needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.12' >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo 'This Python cannot make virtual environments; install them first: sudo apt install python3-venv' >&2; exit 2; }
	$(PYTHON) -m venv .venv
	@echo 'Installing into .venv: about 3.5 GB, a few minutes'
	$(BIN)/pip install -q -c constraints.txt -e './model_src[train,languages,serve]' -e '.[dev]'
	@# Only its weights are used; what it depends on needs a compiler and is not.
	$(BIN)/pip install -q -c constraints.txt --no-deps Resemblyzer
	@touch $@
