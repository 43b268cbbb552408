.DEFAULT_GOAL := help
VENV := .venv
STAMP := $(VENV)/.installed
PYTHON ?= python3

.PHONY: help setup run test check format bench chaos soak lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv from requirements.lock (the other targets do it when needed)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Usage Relay needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(STAMP) ## start everything on this machine: relay dev
	@$(VENV)/bin/relay dev

test: $(STAMP) ## all tests, against a real Valkey
	$(VENV)/bin/pytest

check: $(STAMP) ## format, lint, types, import contracts
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache

format: $(STAMP) ## format the code and mend what ruff can mend
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: $(STAMP) ## measure, beside one stock Celery task per event
	$(VENV)/bin/python -m bench

chaos: $(STAMP) ## kill every kind of process under load, count what is missing, beside one task per event
	$(VENV)/bin/python -m tests.chaos

soak: $(STAMP) ## long trouble: a destination or the store away, rates, clocks, strange answers
	$(VENV)/bin/python -m tests.chaos.soak

lock: ## pin the dependencies anew (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --upgrade --group dev pyproject.toml -o requirements.lock

clean: ## remove the environment and the development data
	rm -rf $(VENV) .relay
