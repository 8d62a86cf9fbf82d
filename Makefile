# Every verb sets up what it needs; Python 3.11 or newer is all a fresh machine must have.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

JOBS ?= 2

# `make check` keeps the files of its tests in memory, if Linux's own folder for that has 1 GB free.
IN_MEMORY := $(shell [ "$$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $$4 }')" -gt 1000000 ] \
	2>/dev/null && echo PYTEST_DEBUG_TEMPROOT=/dev/shm)

# Without its cache, Python compiles everything again for each command and each run of the tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo check test coverage lint lejepa gate benchmark docs dist deb deb-test clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: $(VENV)/runtime  ## build two digests of two real weeks in ./demo/
	@$(BIN)/shiomi demo --out demo

check: $(VENV)/dev lint  ## lint, types, import contracts, and every test that starts no process
	$(IN_MEMORY) $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not process and not slow" --hypothesis-profile=quick

test: $(VENV)/dev lint  ## lint, types, import contracts, and all tests
	$(BIN)/python -m pytest -n $(JOBS)

coverage: $(VENV)/dev  ## all tests, with the lines and branches that no test reaches
	$(BIN)/python -m pytest -n $(JOBS) --cov --cov-report=term:skip-covered

lint: $(VENV)/dev  ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lejepa: $(VENV)/lejepa  ## set up training: torch and what `shiomi lejepa` needs
	@$(BIN)/shiomi lejepa --help

gate: $(VENV)/dev  ## follow each page "protect my site in five minutes" against its real server
	$(BIN)/python -m pytest tests/gate/native/test_docs.py tests/gate/adapters/test_docs.py

benchmark: $(VENV)/dev  ## the benchmarks that need nothing but this checkout
	$(BIN)/python benchmarks/startup.py

dist: $(VENV)/pip  ## build the wheel and the source archive in ./dist/
	@$(BIN)/python -m pip install --quiet build
	$(BIN)/python -m build --outdir dist .

deb: dist  ## build the Debian package in ./dist/, for the Debian release of this machine
	sh deploy/deb/build.sh "$$(ls -t dist/shiomi-*.whl | head -1)" dist

deb-test: deb  ## install, use, upgrade and remove the package in a fresh Debian root (as root)
	sh deploy/deb/try.sh "$$(ls -t dist/shiomi_*.deb | head -1)" "$$(ls -t dist/shiomi-*.whl | head -1)"

docs: $(VENV)/docs  ## build the documentation as pages in ./site/
	$(BIN)/mkdocs build --strict --quiet

clean:  ## forget the environment and the demo
	rm -rf $(VENV) demo dist site

$(VENV)/pip: 
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@touch $@

$(VENV)/runtime: $(VENV)/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

# torch by pip and to the digit: a local CPU build serves it where there is one. torchvision without
# its dependencies, or it would bring another torch.
$(VENV)/torch: $(VENV)/pip
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --no-deps torchvision==0.28.0
	@touch $@

$(VENV)/lejepa: $(VENV)/torch $(VENV)/runtime pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[lejepa]'
	@touch $@

$(VENV)/dev: $(VENV)/torch $(VENV)/runtime pyproject.toml
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

$(VENV)/docs: $(VENV)/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --group docs
	@touch $@
