# Two commands: `make lab` opens the course, `make test` tests everything.  Both prepare .venv first.
#
#   make lab PORT=9000 FLAGS="--no-browser"     another port, any flags of JupyterLab
#   make test FLAGS="-k schedule"               any flags of pytest
#   make notebooks                              run every lesson and keep its outputs
#   make soak                                   the long tests of tests/README.md: hours
#   make site                                   the course as pages, in build/site; open index.html
#   make bench                                  how fast, next to three other packages
#   make setup TORCH="..."                      torch as pytorch.org/get-started/locally says, after "pip install"

PYTHON ?= python3
PORT   ?= 8888
FLAGS  ?=
TORCH  ?=

PY    := .venv/bin/python
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help setup lab test notebooks soak site bench

help:
	@sed -n 's/^# *//p' Makefile | head -9

setup: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v >= (3, 11) or sys.exit("Python 3.11 or newer is needed, $(PYTHON) is %d.%d: make PYTHON=python3.12 ..." % v)'
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(PY) -c 'import torch' 2>/dev/null || test -n "$(TORCH)" || test "$$(uname)" != Linux || command -v nvidia-smi >/dev/null || \
	  printf '%s\n' '' 'No NVIDIA GPU seen.  The default torch for Linux may bring several GB of CUDA with it.' \
	  'To choose the CPU build: stop this (Ctrl-C) and see "Choosing torch" in README.md.' ''
	$(if $(TORCH),$(PY) -m pip install $(TORCH))
	$(PY) -m pip install -e '.[lab,test]'
	@touch $@

# Root needs --allow-root; without a display the address is printed and no browser is looked for.
lab: setup
	@cd notebooks && exec ../$(PY) -m jupyter lab --port=$(PORT) \
	  $$(test "$$(id -u)" != 0 || echo --allow-root) \
	  $$(test "$$(uname)" != Linux || test -n "$$DISPLAY$$WAYLAND_DISPLAY" || echo --no-browser) \
	  --LabApp.default_url=/lab/tree/00_start_here.ipynb $(FLAGS)

notebooks: setup
	export DDPM_PROGRESS="$$(mktemp -d)/progress.json"; \
	$(PY) -m jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.store_widget_state=False \
	  --ExecutePreprocessor.record_timing=False notebooks/*.ipynb

site: setup
	$(PY) -m ddpm_core.teach site build/site

test: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pytest --nbval $(FLAGS)

bench: setup
	$(PY) -m pip install -e '.[bench]'
	$(PY) tests/benchmarks $(FLAGS)

SOAKED := survival trust downloads properties checkpoints environments front_door

soak: setup
	DDPM_SOAK=1 $(PY) -m pytest $(SOAKED:%=tests/test_%.py) $(FLAGS)
	$(PY) tests/shuffle.py 20 tests --ignore=tests/test_lessons.py
	$(PY) tests/shuffle.py 3 --nbval
