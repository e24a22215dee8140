# Needs make and Python 3.11 to 3.13; everything else is installed into .venv folders of the checkout.
# Select another interpreter with `make PYTHON=/path/to/python3.12 ...`, and for Airflow 2 with PYTHON_AIRFLOW2=.

AIRFLOW_3 := 3.3.2
AIRFLOW_2 := 2.11.2
IMAGEKIT_SDK_4 := 4.2.0
SENSORS := 200
CLUSTER := tests/cluster
# Tests of one file share fixtures, so they run in one process. Four processes on two cores, because many tests wait.
IN_PARALLEL := --numprocesses 4 --dist loadfile --no-loadscope-reorder
# In variables, because a comma would end an argument of $(call).
DEMO_EXTRAS := emulator,parquet
EXTRAS := emulator,numpy,openlineage,parquet,redis,report

first_python = $(firstword $(foreach name,$(1),$(shell $(name) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= $(2))' >/dev/null 2>&1 && echo $(name))))
PYTHON ?= $(call first_python,python3 python3.13 python3.12 python3.11,(3, 13))
PYTHON_AIRFLOW2 ?= $(call first_python,python3 python3.12 python3.11,(3, 12))

export PYTHONPATH := $(CURDIR)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Where bytecode is disabled, each process of a complete Airflow would compile everything that it imports.
unexport PYTHONDONTWRITEBYTECODE
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

.PHONY: help
help: ## List these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/.demo ## Run the provider in a real Airflow; needs no ImageKit account
	@.venv/bin/python -m demo

.PHONY: airflow
airflow: .venv/.demo ## Start a complete Airflow on this machine with the example DAGs, or those in DAGS=
	@DAGS='$(DAGS)' .venv/bin/python -m demo.stack

.PHONY: test
test: lint .venv-sdk4/.done .venv-release/.done ## Lint, check types and test on Airflow 3
	$(call debian,redis-server,redis-server)
	$(call debian,chromedriver,chromium chromium-driver)
	.venv/bin/pytest $(IN_PARALLEL)

.PHONY: test-airflow2
test-airflow2: .venv-airflow2/.dev ## Run the same tests on Airflow 2
	.venv-airflow2/bin/pytest $(IN_PARALLEL)

.PHONY: test-stack
test-stack: .venv/.stack ## Kill parts of a complete Airflow, and test its UI in a browser (20 minutes); STACK= selects tests
	$(call debian,initdb,postgresql)
	$(call debian,chromedriver,chromium chromium-driver)
	IMAGEKIT_TEST_STACK=1 .venv/bin/pytest $(or $(STACK),tests/stack tests/ui)

.PHONY: test-watch
test-watch: .venv/.stack ## Upload 300 files while the triggerer of a complete Airflow is killed 60 times (40 minutes)
	$(call debian,initdb,postgresql)
	IMAGEKIT_TEST_STACK=1 IMAGEKIT_STACK_KILLS=20 .venv/bin/pytest tests/stack/test_events.py -s

.PHONY: test-matrix
test-matrix: .venv/.dev ## Test the wheel on every supported Airflow, and write docs/compatibility.md; CELLS= selects some
	.venv/bin/python -m tests.matrix $(CELLS)

.PHONY: test-stack-airflow2
test-stack-airflow2: .venv-airflow2/.stack ## Clear and mark tasks of a complete Airflow 2, kill its triggerer, run the quarantine example (4 minutes)
	$(call debian,initdb,postgresql)
	IMAGEKIT_TEST_STACK=1 .venv-airflow2/bin/pytest tests/stack/test_contract.py tests/stack/test_loop.py tests/stack/test_mapped.py

.PHONY: test-cluster
test-cluster: .venv-cluster/.done ## Kill machines of an Airflow on Celery, Redis, PostgreSQL and S3; SENSORS= and CLUSTER= reduce it
	$(call debian,initdb,postgresql)
	$(call debian,redis-server,redis-server)
	IMAGEKIT_TEST_CLUSTER=$(SENSORS) .venv-cluster/bin/pytest --capture=no $(CLUSTER)

.PHONY: test-warehouse
test-warehouse: .venv-warehouse/.done ## Find near-duplicates with SQL in PostgreSQL and Spark (1 minute)
	$(call debian,initdb,postgresql)
	$(call debian,java,default-jre-headless)
	IMAGEKIT_TEST_WAREHOUSE=1 .venv-warehouse/bin/pytest tests/warehouse tests/airflow/test_example_warehouse.py

.PHONY: benchmark-triggerer
benchmark-triggerer: .venv/.dev ## Measure a thousand triggers in one event loop: delays, memory, requests
	.venv/bin/python -m benchmarks.triggerer

.PHONY: benchmark-library
benchmark-library: .venv/.dev ## Compare ways to fetch a library's metadata: speed, CPU, memory, refusals
	.venv/bin/python -m benchmarks.library
	.venv/bin/python -m benchmarks.library --files 5000 --limit 40
	.venv/bin/python -m benchmarks.library_nightly

.PHONY: docs
docs: .venv/.docs ## Build the documentation site into build/docs; every warning is an error
	.venv/bin/python scripts/draw_architecture.py
	.venv/bin/python scripts/draw_states.py
	AIRFLOW_HOME=$(CURDIR)/build/airflow .venv/bin/python -m sphinx --quiet --fail-on-warning --keep-going --jobs 2 docs build/docs
	@echo "build/docs/index.html"

.PHONY: release-check
release-check: .venv-release/.done ## Build the release twice into dist/ and check it; RELEASE= is the version in the tag
	.venv-release/bin/python scripts/release_check.py $(RELEASE)

.PHONY: test-fast
test-fast: lint ## Lint, check types, and run the quick tests that need no running Airflow
	.venv/bin/pytest $(IN_PARALLEL) --quiet -m "not slow and not airflow_db" tests/client tests/gates tests/hooks tests/io tests/library tests/links \
	tests/docs tests/operators tests/phash tests/similarity tests/emulator tests/triggers tests/test_*.py

.PHONY: faults
faults: .venv/.dev ## Write docs/faults.md from the results of the fault matrix
	IMAGEKIT_WRITE_FAULTS_PAGE=1 .venv/bin/pytest tests/faults

.PHONY: lint
lint: .venv/.dev ## Lint, check format and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

.PHONY: lint-workflows
lint-workflows: .venv-release/.done ## Lint the security of the workflow files, without network access
	.venv-release/bin/zizmor --offline --no-progress .github/workflows

.PHONY: constraints
constraints: .venv/.demo ## Write the constraints files with the current versions
	$(call compile,$(AIRFLOW_3),constraints/airflow-3.txt,$(DEVELOPMENT))
	$(call compile,$(AIRFLOW_2),constraints/airflow-2.txt,$(DEVELOPMENT))
	$(call compile,$(AIRFLOW_3),constraints/airflow-3-cluster.txt,--group cluster)
	$(call compile,$(AIRFLOW_3),constraints/airflow-3-warehouse.txt,--group warehouse)
	.venv/bin/python -m tests.matrix.pins

.PHONY: clean
clean: ## Remove the environments and everything built
	rm -rf .venv .venv-airflow2 .venv-cluster .venv-release .venv-sdk4 .venv-matrix .venv-warehouse build dist demo/out .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Environments. The stamp files make a second run a no-op until pyproject.toml or the constraints change.

.venv/.demo: pyproject.toml constraints/airflow-3.txt
	$(call environment,.venv,$(PYTHON))
	$(call install,.venv,-c constraints/airflow-3.txt -e '.[$(DEMO_EXTRAS)]' --group examples)
	$(call install,.venv,-c constraints/airflow-3.txt --no-deps --group photos)
	@touch $@

.venv/.dev: .venv/.demo
	$(call install,.venv,-c constraints/airflow-3.txt -e '.[$(EXTRAS)]' --group dev)
	$(call install,.venv,-c constraints/airflow-3.txt --no-deps --group axe)
	@touch $@

.venv/.stack: .venv/.dev .venv/.docs
	$(call install,.venv,-c constraints/airflow-3.txt --group stack)
	@touch $@

.venv/.docs: .venv/.demo
	$(call install,.venv,-c constraints/airflow-3.txt --group docs)
	@touch $@

.venv-release/.done: pyproject.toml constraints/airflow-3.txt
	$(call environment,.venv-release,$(PYTHON))
	$(call install,.venv-release,-c constraints/airflow-3.txt --group release)
	@touch $@

# Amazon's client requires an older version of a package than the other environments have.
.venv-cluster/.done: pyproject.toml constraints/airflow-3-cluster.txt
	$(call environment,.venv-cluster,$(PYTHON))
	$(call install,.venv-cluster,-c constraints/airflow-3-cluster.txt -e '.[$(EXTRAS)]' --group cluster)
	@touch $@

# Spark is large, and only these tests use it.
.venv-warehouse/.done: pyproject.toml constraints/airflow-3-warehouse.txt
	$(call environment,.venv-warehouse,$(PYTHON))
	$(call install,.venv-warehouse,-c constraints/airflow-3-warehouse.txt -e '.[$(EXTRAS)]' --group warehouse)
	@touch $@

.venv-airflow2/.dev: pyproject.toml constraints/airflow-2.txt
	$(call environment,.venv-airflow2,$(PYTHON_AIRFLOW2))
	$(call install,.venv-airflow2,-c constraints/airflow-2.txt -e '.[$(EXTRAS)]' --group dev)
	$(call install,.venv-airflow2,-c constraints/airflow-2.txt --no-deps --group photos --group axe)
	@touch $@

.venv-airflow2/.stack: .venv-airflow2/.dev
	$(call install,.venv-airflow2,-c constraints/airflow-2.txt --group stack)
	@touch $@

# The vendor's older client cannot be installed next to the newer one.
.venv-sdk4/.done:
	$(call environment,.venv-sdk4,$(PYTHON))
	$(call install,.venv-sdk4,imagekitio==$(IMAGEKIT_SDK_4))
	@touch $@

# $(1) the environment's folder, $(2) its interpreter
define environment
	@test -n "$(2)" || { echo "No Python of a supported version was found; set PYTHON= or PYTHON_AIRFLOW2=."; exit 1; }
	@echo "Installing into $(1) with $$($(2) --version) ..."
	@test -x $(1)/bin/python || $(2) -m venv $(1)
	@$(1)/bin/python -m pip install -qq --upgrade pip uv || $(1)/bin/python -m pip install -qq --upgrade pip
endef

# $(1) the environment's folder, $(2) the arguments of pip install. Falls back to pip if uv is missing or cannot reach its index.
define install
	@$(1)/bin/uv pip install --quiet --python $(1)/bin/python $(2) || $(1)/bin/python -m pip install --quiet $(2)
endef

# $(1) a program, $(2) the Debian packages that contain it. Without them its tests are skipped or use a fallback.
# RUNLEVEL=1 keeps the packages from starting their own servers.
define debian
	@ls /usr/lib/postgresql/*/bin/$(1) >/dev/null 2>&1 || command -v $(1) >/dev/null || \
	{ command -v apt-get >/dev/null && $(AS_ROOT) env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
	sh -c 'apt-get update -qq && apt-get install -qq --no-install-recommends $(2)' >/dev/null; } || \
	echo "$(1) is not installed: install $(2) to test with it."
endef
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo -n)

# $(1) the version of Airflow, $(2) the file, $(3) dependency groups. Each package has one version, so markers are removed.
define compile
	rm -f $(2)
	{ echo 'apache-airflow==$(1)' | .venv/bin/uv pip compile pyproject.toml --constraint - $(COMPILE) --all-extras $(3); \
	  .venv/bin/uv pip compile pyproject.toml $(COMPILE) --group photos --group axe --no-deps | grep -E '^(axe-playwright-python|scikit-image)=='; } \
	  | sed 's/ *;.*//' | sort --unique > $(2)
endef
DEVELOPMENT := --group dev --group docs --group release --group stack
COMPILE := --quiet --universal --fork-strategy fewest --python-version 3.11.5 --no-header --no-annotate
