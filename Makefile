# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TOOLS := $(VENV)/.installed-dev

# the sample's XuetangX log in months, as if the last one came tonight
NIGHT := target/nightly
IN_MONTHS := copy (select *, strftime(timestamp, '%Y-%m') as month \
	from 'sample_data/raw/xuetangx/*.parquet' order by all) \
	to '$(NIGHT)/logs' (format parquet, partition_by (month))
BY_NIGHT := PATH="$(CURDIR)/$(BIN):$$PATH" MOOCMETA_DATA_DIR=$(NIGHT)/data \
	MOOCMETA_DUCKDB=$(NIGHT)/moocmeta.duckdb MOOCMETA_RUNS_DIR=$(NIGHT)/runs sh nightly.sh

.PHONY: help nightly demo test test-spark lint docs bench sample-data clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(INSTALLED): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(TOOLS): $(INSTALLED) # what tests and linters want beyond it
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(INSTALLED) ## install, build the sample data's marts, train, evaluate, report
	$(BIN)/dbt build --quiet
	$(BIN)/moocmeta-train --mart episodes_k5_q10

$(NIGHT)/.logs: $(INSTALLED)
	rm -rf $(NIGHT)
	mkdir -p $(NIGHT)
	$(BIN)/python -c "import duckdb; duckdb.sql(\"$(IN_MONTHS)\")"
	@touch $@

nightly: $(NIGHT)/.logs ## two nights on the sample: learn, append a month, learn and list anew
	$(BY_NIGHT) courses $(NIGHT)/logs/month=2017-0[2-6]/*.parquet
	$(BY_NIGHT) courses $(NIGHT)/logs/month=2017-07/*.parquet

test: $(TOOLS) lint ## install, lint and run every test
	$(BIN)/pytest -n 2 --dist loadfile -m "not spark"

test-spark: $(TOOLS) ## build the marts on Spark and compare them with DuckDB's (needs Java 17)
	$(BIN)/pip install --quiet --editable '.[dev,spark]'
	$(BIN)/pytest -m spark -rs

lint: $(TOOLS) ## check Python's style and types, and SQL's style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 2 dbt_project/models dbt_project/tests

docs: $(INSTALLED) ## the data's documentation and lineage on http://127.0.0.1:8080
	$(BIN)/dbt docs generate
	$(BIN)/dbt docs serve --host 127.0.0.1

bench: $(TOOLS) ## run every benchmark; results go to benchmarks/results
	$(BIN)/python -m benchmarks.run

sample-data: $(INSTALLED) ## simulate sample_data anew
	$(BIN)/moocmeta simulate --out sample_data

clean: ## remove what was built and installed
	rm -rf $(VENV) target logs runs *.egg-info
