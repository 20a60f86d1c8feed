# The project's commands. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
ENGINES := $(VENV)/.engines
SOURCES := harness benchmarks seeds tests examples
ENGINE_TESTS := tests/engines

.DEFAULT_GOAL := help
.PHONY: help setup run test test-engines soak bench bench-large docs lint lock clean

help:
	@echo "make run          set up, then run the main job on the sample: its table and its report"
	@echo "make test         set up, then lint and run all tests"
	@echo "make soak         kill runs while others read, and try odd requests, many times over"
	@echo "make bench        measure builds, loads, steps and the server, on few invoices: 5 minutes"
	@echo "make bench-large  the same on up to 50 million invoices, for benchmarks/RESULTS.md"
	@echo "make docs         build dbt's documentation, one page: target/static_index.html"
	@echo "make test-engines build everything on PostgreSQL and Spark, too, and compare with DuckDB"
	@echo "make setup        only set up: the environment in $(VENV), with $(BIN)/harness and $(BIN)/dbt"
	@echo "make lint         only the linters"
	@echo "make lock         pin the requirements again (needs uv)"
	@echo "make clean        remove the environment and everything built"
	@echo "PYTHON=...        the Python 3.11, 3.12 or 3.13 to set up with (now: $(PYTHON))"

setup: $(INSTALLED)

$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Python 3.11 to 3.13 with venv is needed; name one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up $(VENV): a minute or two, once" >&2
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/pip install -qq --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

$(ENGINES): $(INSTALLED) requirements-engines.txt
	@echo "Adding dbt's adapters for PostgreSQL and Spark to $(VENV): a few minutes, once" >&2
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes -r requirements-engines.txt
	@touch $@

run: setup
	@$(BIN)/harness run

test: lint
	LAGO_COLLECTION_DATABASE=target/test.duckdb $(BIN)/dbt build --quiet --target-path target/test
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

soak: setup
	SOAK_PUBLISH_KILLS=150 SOAK_RUN_KILLS=30 SCHEMATHESIS_CASES=2500 \
		$(BIN)/python -m pytest tests/harness/test_soak.py tests/harness/test_server.py

bench: setup
	$(BIN)/python benchmarks/build_ratio.py --invoices 2000000 --runs 1
	$(BIN)/python benchmarks/load_ratio.py --invoices 1000000 --text-invoices 200000 --runs 1
	$(BIN)/python benchmarks/run_steps.py --invoices 1000000 --runs 1
	$(BIN)/python benchmarks/serve_ratio.py --rounds 3 --seconds 1 --min-ratio 0.8 --min-speedup 100

bench-large: setup
	$(BIN)/python benchmarks/build_ratio.py --invoices 10000000 --runs 5
	$(BIN)/python benchmarks/load_ratio.py --invoices 10000000 --text-invoices 2000000 --runs 3
	$(BIN)/python benchmarks/run_steps.py --invoices 1000000 10000000 50000000 --memory-limit 2GB
	$(BIN)/python benchmarks/serve_ratio.py --min-ratio 0.8 --min-speedup 100

docs: setup
	$(BIN)/dbt --quiet docs generate --static --empty-catalog
	@echo "$(CURDIR)/target/static_index.html"

test-engines: $(ENGINES)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ENGINE_TESTS)

lint: setup
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 2 models tests/data

lock:
	uv pip compile --universal --generate-hashes --no-strip-extras --no-emit-index-url --no-header \
		--no-annotate --python-version 3.11 --extra dev --extra metrics pyproject.toml --output-file requirements.txt
	uv pip compile --universal --generate-hashes --no-strip-extras --no-emit-index-url --no-header \
		--no-annotate --python-version 3.11 --extra postgres --extra spark --constraints requirements.txt \
		pyproject.toml --output-file requirements-engines.txt

clean:
	rm -rf $(VENV) target logs warehouse dev.duckdb
