# Each target sets up what it needs by itself; `make` alone prints them.
BIN := .venv/bin
BENCHES := $(patsubst benchmarks/%/__main__.py,%,$(wildcard benchmarks/*/__main__.py))
SECONDS ?= 600

.DEFAULT_GOAL := help
.PHONY: help run test setup fmt lint type docs bench fuzz lock test-unit test-integration test-acceptance

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' Makefile

run: setup ## a simulated night through Kafka, two nodes and PostgreSQL, with its ledger; options in ARGS="--visits 5 …"
	@$(BIN)/splanc demo $(ARGS)

test: lint type docs ## everything that CI checks: lint, types, docs, all tests; options for pytest in ARGS
	@$(BIN)/python -m pytest $(ARGS)

setup: .venv/.ready ## what the other targets need: .venv from the lock, and Kafka's jars

.venv/.ready: requirements/dev.txt pyproject.toml scripts/setup.sh
	@scripts/setup.sh

fmt: setup ## format the code and mend what can be mended
	@$(BIN)/ruff format --quiet
	@$(BIN)/ruff check --fix

lint: setup ## style, format, and the order of the packages
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/lint-imports --no-logo

type: setup ## types
	@$(BIN)/mypy

docs: setup ## the documentation, into build/docs; a warning is an error
	@$(BIN)/sphinx-build -W --keep-going -n -q docs build/docs
	@echo "documentation: build/docs/index.html"

bench: setup ## all benchmarks, or one: make bench BENCHES=decode
	@set -e; for bench in $(BENCHES); do echo "== $$bench"; $(BIN)/python -m benchmarks.$$bench $(ARGS); done

fuzz: setup ## damaged packets against the decoder: make fuzz SECONDS=600
	@$(BIN)/python -m tests.fuzz.packet --seconds $(SECONDS)

lock: setup ## re-make the lock; newer versions: make lock ARGS=--upgrade
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header $(ARGS) pyproject.toml -o requirements/runtime.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header $(ARGS) pyproject.toml --group dev -o requirements/dev.txt

test-unit: setup ## tests without servers, seconds
	@$(BIN)/python -m pytest $(ARGS) tests/unit tests/docs

test-integration: setup ## tests with a real Kafka and a real PostgreSQL
	@$(BIN)/python -m pytest $(ARGS) tests/integration

test-acceptance: setup ## whole nights, with nodes killed and servers stopped
	@$(BIN)/python -m pytest $(ARGS) tests/acceptance
