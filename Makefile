# Works on a bare Debian or Ubuntu with make and Python >= 3.11, as root or not, with an empty home and without Docker.
# Everything these targets write lies under .venv/, var/ (data: `make clean` leaves it alone) and build/.
PY  ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help

# Bytecode goes to build/, so the tree stays clean and a later start finds it compiled.
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/build/hypothesis
export PIP_NO_CACHE_DIR := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# A stamp's name carries the hash of what was installed: a warm start costs one sha256sum, a changed lock reinstalls.
stamp   = .venv/.$(1)-$(shell sha256sum < $(2) | cut -c1-16)
RUN_OK := $(call stamp,run,requirements.txt)
DEV_OK := $(call stamp,dev,requirements-dev.txt)
# A Debian without python3-venv makes environments without pip: the system's pip then installs into it from outside.
PIP     = $(if $(wildcard $(BIN)/pip),$(BIN)/python -m pip,$(PY) -m pip --python $(BIN)/python)
INSTALL = $(PIP) install -q --require-hashes --only-binary :all: -r
# An embedded server around the command, unless the caller brings one in DATABASE_URL.
WITH_PG = $(if $(DATABASE_URL),,$(BIN)/python -m runtime.embedded_postgres $(1) --)
PACKAGES := $(wildcard domain projections api consumers runtime bench examples tests)

.PHONY: help run test check bench prove sbom lock clean

help:  ## list these targets
	@grep -hE '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 8

run: $(RUN_OK)  ## start Forsa here: database, web server, projector, demo data when empty; KAFKA=yes publishes to Kafka too
	@$(BIN)/python -m runtime.cli run $(if $(KAFKA),--kafka)

test: $(DEV_OK)  ## every test against a real PostgreSQL; ARGS="-k word" narrows
	@$(call WITH_PG,var/testpg --fast) $(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

check: $(DEV_OK)  ## lint, formatting, types, import contracts, architecture tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m mypy $(PACKAGES)
	@$(BIN)/lint-imports --no-logo --cache-dir build/import-linter
	@$(call WITH_PG,var/testpg --fast) $(BIN)/python -m pytest tests/architecture

bench: $(RUN_OK)  ## speed against raw PostgreSQL, on a durable server: prints a table, writes build/bench.json
	@$(call WITH_PG,var/benchpg) $(BIN)/python -m bench $(ARGS)

prove: $(RUN_OK)  ## kill everything under load and look what is left: writes build/prove.json; ARGS=quick for the short form
	@$(BIN)/python -m bench.prove $(ARGS)

sbom: $(DEV_OK)  ## what Forsa is made of: build/sbom.cdx.json (CycloneDX) and docs/licences.md
	@$(BIN)/python -m runtime.bill_of_materials

lock:  ## pin every dependency with its hashes again; ARGS=--upgrade takes newer versions
	@test -x build/lock/bin/uv || { $(PY) -m venv build/lock && build/lock/bin/pip install -q uv==0.13.9; }
	@$(LOCK) pyproject.toml -o requirements.txt
	@$(LOCK) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
LOCK = UV_SYSTEM_CERTS=1 UV_CACHE_DIR=build/uv build/lock/bin/uv pip compile -q --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --no-emit-index-url $(ARGS)

clean:  ## remove the environment and everything built; var/ with its data stays
	rm -rf .venv build

$(BIN)/python:
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Forsa needs Python >= 3.11: make PY=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@if ! $(HAS_PIP) && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	echo "Installing python3-venv, which this machine lacks"; apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; fi
	@$(HAS_PIP) || { echo "This Python has neither ensurepip nor pip: apt-get install python3-venv"; exit 1; }
	@$(PY) -m venv --clear $$($(PY) -c 'import ensurepip' 2>/dev/null || echo --without-pip) .venv
HAS_PIP = $(PY) -c 'import importlib.util as i; raise SystemExit(not (i.find_spec("ensurepip") or i.find_spec("pip")))'

$(RUN_OK): | $(BIN)/python
	@$(INSTALL) requirements.txt
	@$(WRITE_FORSA)
	@touch $@

$(DEV_OK): | $(BIN)/python
	@$(INSTALL) requirements-dev.txt
	@$(WRITE_FORSA)
	@touch $@ $(RUN_OK)

# The `forsa` command of this checkout: no build step and nothing else to keep in step.
WRITE_FORSA = printf '\#!/bin/sh\nPYTHONPATH="%s" exec "%s/.venv/bin/python" -m runtime.cli "$$@"\n' "$(CURDIR)" "$(CURDIR)" > $(BIN)/forsa && chmod +x $(BIN)/forsa
