# Everything a newcomer or the continuous integration needs; each target works from a fresh clone.

PYTHON  ?= python3
WORKERS ?= 2
BIN     := .venv/bin
PIN     := constraints/pinned.txt
SHELL   := bash

# pip warns about every package that a local index does not hold; only those lines are dropped.
INSTALL = $(BIN)/pip install --disable-pip-version-check -q -c $(PIN) \
	2> >(sed -E '/^WARNING: Location .* is ignored/d' >&2)

.PHONY: help venv demo test test-slow lint data docs gpu-bundle clean
help:
	@echo "make demo        train a conditional SN-GAN on packaged digits, then say where to look"
	@echo "make test        checks of style, architecture and behaviour (six to eight minutes on two cores)"
	@echo "make test-slow   types, and the tests that train for minutes"
	@echo "make venv        create .venv with everything that development needs"
	@echo "make lint        ruff, pyright, import-linter"
	@echo "make data        fetch full MNIST, Fashion-MNIST, the emoji sets and a feature network"
	@echo "                 (SETS=clipart adds clip art, 131 MB; SETS=video sets of clips, 490 MB)"
	@echo "make docs        build the documentation into site/"
	@echo "make gpu-bundle  wheels and data for a machine with a GPU and no network"

venv: .venv/.dev

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' || \
		{ echo "ganvas needs Python 3.11 to 3.14: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/.core: pyproject.toml $(PIN) | .venv/bin/pip
	@echo "Installing ganvas into .venv (a minute or two) ..."
	@$(INSTALL) -e '.[track]'
	@touch $@

.venv/.dev: pyproject.toml $(PIN) | .venv/.core
	@echo "Installing the development tools ..."
	@$(INSTALL) -e '.[dev]'
	@touch $@

.venv/.docs: pyproject.toml $(PIN) | .venv/.core
	@echo "Installing the documentation tools ..."
	@$(INSTALL) -e '.[docs]'
	@touch $@

demo: .venv/.core
	@$(BIN)/ganvas train sngan/digits --out runs/demo --overwrite

test: .venv/.dev
	@$(BIN)/pytest -q -n $(WORKERS) --dist worksteal -m "not slow"

test-slow: .venv/.dev
	@$(BIN)/pytest -q -n $(WORKERS) --dist worksteal -m slow

lint: .venv/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports

data: .venv/.core
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python scripts/make_data.py $(if $(SETS),--with $(SETS))

docs: .venv/.docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet && echo "site/index.html"

gpu-bundle: .venv/.core data
	@$(BIN)/python scripts/gpu_bundle.py

clean:
	rm -rf .venv site build dist gpu-bundle .pytest_cache .ruff_cache .import_linter_cache
