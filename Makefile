# Two commands: `make lab` opens the course, `make test` tests everything.  Both prepare .venv first.
#
#   make update                                 fetch the course's new version, and bring my/ up to date with it
#   make lab PORT=9000 FLAGS="--no-browser"     another port, any flags of JupyterLab
#   make test FLAGS="-k schedule"               any flags of pytest
#   make quick                                  the tests of what changes most often, for between two edits
#   make notebooks                              run every lesson and store its outputs, except those tagged live
#   make soak                                   the long tests of tests/README.md: hours
#   make site                                   the course as pages, in build/site; open index.html
#   make bench                                  speed, compared with three other packages
#   make setup TORCH="..."                      the arguments of pip install for torch: see pytorch.org/get-started/locally

PYTHON ?= python3
PORT   ?= 8888
FLAGS  ?=
WORKERS ?= 2
TORCH  ?=

PY    := .venv/bin/python
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help setup lab update test quick check notebooks soak site bench

help:
	@sed -n 's/^# *//p' Makefile | head -11

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

# The lessons are delivered in notebooks/ and worked in my/, so that a new version meets nobody's work.
# Root needs --allow-root; without a display the address is printed and no browser is opened.
lab: setup
	@$(PY) -m ddpm_core.teach update || test -d my
	@cd my && exec ../$(PY) -m jupyter lab --port=$(PORT) \
	  $$(test "$$(id -u)" != 0 || echo --allow-root) \
	  $$(test "$$(uname)" != Linux || test -n "$$DISPLAY$$WAYLAND_DISPLAY" || echo --no-browser) \
	  --LabApp.default_url=/lab/tree/00_start_here.ipynb $(FLAGS)

update:
	@if git rev-parse --abbrev-ref '@{upstream}' >/dev/null 2>&1; then git pull --ff-only || \
	  echo 'The new version could not be fetched; what is here already is brought to my/.'; fi
	@$(MAKE) -s setup
	@$(PY) -m ddpm_core.teach update

notebooks: setup
	$(PY) tests/first.py
	export DDPM_PROGRESS="$$(mktemp -d)/progress.json" DDPM_STUDENT=; \
	$(PY) -m jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.store_widget_state=False \
	  --ExecutePreprocessor.record_timing=False \
	  --NotebookExporter.preprocessors=nbconvert.preprocessors.TagRemovePreprocessor \
	  --NotebookExporter.preprocessors=nbconvert.preprocessors.CoalesceStreamsPreprocessor \
	  --TagRemovePreprocessor.remove_all_outputs_tags=live notebooks/*.ipynb
	$(PY) tests/small.py
	$(PY) tests/minutes.py read

site: setup
	$(PY) -m ddpm_core.teach site build/site $(if $(ADDRESS),--address "$(ADDRESS)")

# Two workers with one thread each; then, with nothing else running, the tests that measure time.
PYTEST := $(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

test: check
	$(PYTEST) --nbval -m "not alone" $(FLAGS)
	$(PY) -m pytest -m alone tests $(FLAGS) || test $$? = 5  # 5: FLAGS selected no test

quick: check  # without nbval, which takes three seconds to import
	$(PYTEST) -o addopts="-ra --strict-markers" -p no:nbval -m "not alone and not slow" tests/core tests/teach tests/test_*.py $(FLAGS)

bench: setup
	$(PY) -m pip install -e '.[bench]'
	$(PY) tests/benchmarks $(FLAGS)

SOAKED := soak/test_survival soak/test_trust soak/test_environments core/test_downloads core/test_properties \
  core/test_checkpoints pages/test_front_door

soak: setup
	DDPM_SOAK=1 $(PY) -m pytest $(SOAKED:%=tests/%.py) $(FLAGS)
	$(PY) tests/shuffle.py 20 tests --ignore=tests/lessons/test_lessons.py
	$(PY) tests/shuffle.py 3 --nbval
