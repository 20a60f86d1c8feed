# The project's commands. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TESTING := $(VENV)/.testing
ENGINES := $(VENV)/.engines
POSTGRES := $(VENV)/.postgres
BI := target/bi/.installed
WAREHOUSES := target/warehouses/.installed
SOURCES := harness benchmarks seeds tests examples hatch_build.py
# A file of tests is of one process, which sets it up once; conftest.py has their order.
PYTEST = $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# Bytecode is compiled by all processors at once; without it each start of dbt takes a second more.
PIP := $(BIN)/pip install -qq --disable-pip-version-check --no-compile
# Nobody imports the tests of others, and mypy is compiled to machine code.
COMPILE := { $(BIN)/python -m compileall -qq -j 0 -x '/(tests|mypyc?)/' $(VENV)/lib || true; }

# An environment is of one checkout and one Python. Where it is of another, it is made again; unless
# PYTHON is given, the Python that it has will do.
GIVEN := $(if $(filter file,$(origin PYTHON)),$(BIN)/python,$(PYTHON))
made_of = $(CURDIR) $$($(1) -c 'import sys; print(sys.base_prefix, sys.version)' 2>/dev/null)
ANEW := $(shell test "$$(cat $(INSTALLED) 2>/dev/null)" = "$(call made_of,$(GIVEN))" || echo anew)

.DEFAULT_GOAL := help
.PHONY: anew help setup run test test-engines test-cluster test-postgres test-warehouses test-dbt-versions test-bi soak bench bench-large \
	docs lint lint-python lint-sql lock clean

help:
	@echo "make run          set up, then run the main job on the sample: its table and its report"
	@echo "make test         set up, then lint and run all tests"
	@echo "make test-postgres  the same with the models on PostgreSQL, too, as CI does"
	@echo "make soak         kill runs while others read, and try odd requests, many times over"
	@echo "make bench        measure builds, loads, steps and the server, on few invoices: 5 minutes"
	@echo "make bench-large  the same on up to 50 million invoices, for benchmarks/RESULTS.md"
	@echo "make docs         build dbt's documentation, one page: target/static_index.html"
	@echo "make test-engines build everything on PostgreSQL and Spark, too, and compare with DuckDB"
	@echo "make test-cluster build everything on a Spark cluster that loses a worker, and compare with DuckDB"
	@echo "make test-warehouses  build everything with dbt's adapters for the warehouses, without the services"
	@echo "make test-dbt-versions  build and test the sample with dbt-core 1.10 and 1.12, too; parse it with dbt Fusion"
	@echo "make test-bi      show what is published with Superset and Streamlit, in a browser"
	@echo "make setup        only set up: the environment in $(VENV), with $(BIN)/harness and $(BIN)/dbt"
	@echo "make lint         only the linters"
	@echo "make lock         pin the requirements again (needs uv: pip install uv, outside of $(VENV))"
	@echo "make clean        remove the environment and what was built, but not warehouse/"
	@echo "PYTHON=...        the Python 3.11, 3.12 or 3.13 to set up with"

setup: $(INSTALLED)

# The newest pip is twice as quick as those that come with Python.
$(INSTALLED): requirements.txt pyproject.toml hatch_build.py $(ANEW)
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Python 3.11 to 3.13 with venv is needed; name one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up $(VENV): about half a minute, once" >&2
	@$(PYTHON) -m venv --clear $(VENV)
	@sed -n '/^pip==/,/[^\\]$$/p' requirements.txt | $(PIP) --require-hashes -r /dev/stdin
	@$(PIP) --require-hashes -r requirements.txt
	@$(PIP) --no-build-isolation --no-deps -e .
	@$(COMPILE)
	@echo "$(call made_of,$(BIN)/python)" > $@

$(TESTING): $(INSTALLED) requirements-dev.txt
	@echo "Adding what the linters and tests need to $(VENV): about half a minute, once" >&2
	@$(PIP) --require-hashes -r requirements.txt -r requirements-dev.txt
	@$(COMPILE)
	@touch $@

$(ENGINES): $(TESTING) requirements-engines.txt
	@echo "Adding dbt's adapters for PostgreSQL and Spark to $(VENV): a few minutes, once" >&2
	@$(PIP) --require-hashes -r requirements.txt -r requirements-dev.txt -r requirements-engines.txt
	@touch $@

# pyspark alone is 400 MB, and it and what reaches a cluster is built before it is installed.
$(POSTGRES): $(INSTALLED) requirements-dev.txt requirements-engines.txt
	@echo "Adding what all tests but Spark's need to $(VENV): about half a minute, once" >&2
	@sed -n '/^\(dbt-[a-z]*\|psycopg2-binary\|sqlparams\)==/,/[^\\]$$/p' requirements-engines.txt \
		| $(PIP) --require-hashes -r requirements.txt -r requirements-dev.txt -r /dev/stdin
	@$(COMPILE)
	@touch $(TESTING) $@

run: setup
	@$(BIN)/harness run

test: lint
	$(PYTEST)

soak: $(TESTING)
	SOAK_PUBLISH_KILLS=400 SOAK_RUN_KILLS=200 SOAK_DISK_FAULTS=20 SCHEMATHESIS_CASES=2500 \
		$(BIN)/python -m pytest -s tests/harness/test_soak.py tests/harness/test_disk.py \
		tests/harness/test_server.py

bench: $(TESTING)
	$(BIN)/python benchmarks/build_ratio.py --invoices 2000000 --runs 1
	$(BIN)/python benchmarks/load_ratio.py --invoices 1000000 --text-invoices 200000 --runs 1
	$(BIN)/python benchmarks/run_steps.py --invoices 1000000 --runs 1
	$(BIN)/python benchmarks/serve_ratio.py --rounds 3 --seconds 1 --min-ratio 0.8 --min-speedup 100

bench-large: $(TESTING)
	$(BIN)/python benchmarks/build_ratio.py --invoices 10000000 --runs 5
	$(BIN)/python benchmarks/load_ratio.py --invoices 10000000 --text-invoices 2000000 --runs 3
	$(BIN)/python benchmarks/run_steps.py --invoices 1000000 10000000 50000000 --memory-limit 2GB
	$(BIN)/python benchmarks/serve_ratio.py --min-ratio 0.8 --min-speedup 100

docs: setup
	LAGO_COLLECTION_DATABASE=target/docs.duckdb $(BIN)/dbt --quiet build --resource-type model --resource-type seed
	LAGO_COLLECTION_DATABASE=target/docs.duckdb $(BIN)/dbt --quiet docs generate --static
	@echo 'file://$(CURDIR)/target/static_index.html#!/overview/lago_invoice_collection'

test-engines: $(ENGINES)
	$(PYTEST) tests/engines

test-cluster: $(ENGINES)
	$(BIN)/python -m pytest tests/cluster

test-postgres: $(POSTGRES) test

# Snowflake's stand-in needs another DuckDB than the harness. BigQuery's is compiled at its first use.
$(WAREHOUSES): requirements-warehouses.txt
	@echo "Setting up target/warehouses with the warehouses' adapters and stand-ins: three minutes, once" >&2
	@$(PYTHON) -m venv --clear target/warehouses
	@sed -n '/^pip==/,/[^\\]$$/p' requirements.txt | target/warehouses/bin/pip install -qq \
		--disable-pip-version-check --require-hashes -r /dev/stdin
	@target/warehouses/bin/pip install -qq --disable-pip-version-check --require-hashes \
		-r requirements-warehouses.txt
	@touch $@

test-warehouses: $(TESTING) $(WAREHOUSES)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadscope tests/warehouses

test-dbt-versions: $(INSTALLED)
	@for version in 1.10 1.12 fusion; do $(BIN)/python tests/engines/dbt_version.py $$version || exit 1; done

# Superset alone is 900 MB, and pins what the harness needs newer.
$(BI): requirements-bi.txt
	@echo "Setting up target/bi with Superset and Streamlit: a few minutes, once" >&2
	@$(PYTHON) -m venv --clear target/bi
	@target/bi/bin/pip install -qq --disable-pip-version-check --require-hashes -r requirements-bi.txt
	@touch $@

test-bi: $(TESTING) $(BI)
	$(BIN)/python -m pytest tests/bi

lint: $(TESTING)
	@$(MAKE) --no-print-directory --jobs 2 lint-python lint-sql

lint-python: $(TESTING)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

lint-sql: $(TESTING)
	$(BIN)/sqlfluff lint models tests/data

# Versions that are pinned stay, as long as pyproject.toml allows them: add --upgrade-package NAME to
# LOCK for another. Each file adds to those before it.
LOCK := uv pip compile --quiet --universal --generate-hashes --no-strip-extras --no-emit-index-url \
	--no-header --no-annotate --python-version 3.11 pyproject.toml
pinned_in = $$(sed -n 's/^\([a-z0-9._-]*\).*==.*/--no-emit-package \1/p' $(1)) $(addprefix --constraints ,$(1))

lock:
	$(LOCK) --extra build --output-file requirements.txt
	$(LOCK) --extra dev --extra metrics --extra s3 $(call pinned_in,requirements.txt) \
		--output-file requirements-dev.txt
	$(LOCK) --extra postgres --extra spark $(call pinned_in,requirements.txt requirements-dev.txt) \
		--output-file requirements-engines.txt
	$(subst pyproject.toml,requirements-bi.in,$(LOCK)) --output-file requirements-bi.txt
	$(subst pyproject.toml,requirements-warehouses.in,$(LOCK)) --output-file requirements-warehouses.txt

clean:
	rm -rf $(VENV) target logs dev.duckdb
	@test ! -e warehouse || echo "warehouse/ stays: its keys and published versions cannot be made again" >&2
