# `make` alone lists the commands. Needs make 3.81 or newer, git and Python 3.11-3.13; .venv is made here.
PYTHON = python3
BIN    = .venv/bin
SETUP  = $(PYTHON) tests/tools/setup_env.py
# One thread per process: two busy workers that share two cores are many times slower with two each.
ONE    = OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MPLBACKEND=Agg \
         PYDEVD_DISABLE_FILE_VALIDATION=1 PYTHONUTF8=1
export DATA MINUTES OUT NB

.PHONY: help quickstart test lab outputs export docs check bench clean core dev

help:
	@echo 'make quickstart   set up, then train a GAN on real handwritten digits and measure it'
	@echo '                  (DATA=folder: your images; MINUTES=2: how long; OUT=runs/name: where to)'
	@echo 'make test         set up, then run every test, the notebooks included'
	@echo 'make lab          open the book in JupyterLab'
	@echo ''
	@echo 'For makers of the book:'
	@echo 'make export       write the modules from the notebooks, clean the notebooks, make README.md'
	@echo 'make outputs      run the chapters and store what they print and draw (NB=05_games: one of them)'
	@echo 'make check        lint, types, everything in step: the fast part of make test'
	@echo 'make docs         prepare the site; render it too where Quarto is installed'
	@echo 'make bench        measure the targets'
	@echo 'make clean        remove what can be made again (neither .venv nor runs/)'

core:
	@$(SETUP) core

dev:
	@$(SETUP) dev

quickstart: core
	@$(BIN)/ganbook quickstart $${DATA:+--data "$$DATA"} $${MINUTES:+--minutes "$$MINUTES"} $${OUT:+--out "$$OUT"}

test: check
	@echo '== every notebook =='
	@$(ONE) $(BIN)/nbdev_test --n_workers 2 --do_print --timing </dev/null
	@echo '== tests/ =='
	@$(ONE) GANBOOK_NEXT=1 $(BIN)/python -m pytest -n 2 </dev/null

lab: dev
	@$(BIN)/jupyter lab nbs/index.ipynb

outputs: dev
	@$(ONE) $(BIN)/python tests/tools/outputs.py $${NB:+"$$NB"}

export: dev
	@$(BIN)/nbdev_export
	@$(BIN)/nbdev_clean
	@$(BIN)/python tests/tools/readme.py

check: dev
	@echo '== lint, types, in step =='
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/python tests/tools/outputs.py --check
	@$(ONE) $(BIN)/python -m pytest -q tests/test_layers.py tests/test_book.py </dev/null

docs: dev
	@$(BIN)/python tests/tools/docs.py

bench: dev
	@$(BIN)/python tests/bench/run.py

clean:
	rm -rf _proc _docs build dist nbs/nbdev.yml nbs/sidebar.yml nbs/.last_checked .pytest_cache \
	  .hypothesis .mypy_cache .ruff_cache
	find ganbook nbs tests data -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf
