# Every command a developer needs; `make help` lists them. Nothing but python3 (3.11 or newer), make and git is expected.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TEMPLATES := template.yaml foundation/template.yaml chaos/fis-experiments.yaml $(wildcard pipeline/*.yaml) $(wildcard pipeline/rendered/codepipeline.yaml pipeline/rendered/fleet.yaml)
LOCKS := $(wildcard requirements/*.txt layers/*/requirements.txt batchctl/*/requirements.txt)
USERS ?= 10000
ARGS ?=
WORKERS ?= 2
EXAMPLES ?= 5000
STEPS ?= 40

.DEFAULT_GOAL := help
.PHONY: help setup run up test screenshot test-sam fuzz lint audit fmt bench chaos soak model model-mutations footprint clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

setup: $(VENV)/.ready ## install what is needed: a virtual environment, MariaDB
	@scripts/ensure-debian-package mariadbd mariadb-server-core
	@scripts/ensure-debian-package my_print_defaults mariadb-client-core

run: setup ## run the batch once on this machine: make run USERS=10000 ARGS="--api-error-rate 0.03"
	@$(BIN)/batchctl local run --users $(USERS) $(ARGS)

up: setup ## keep the stack running on this machine; Ctrl-C stops it
	@$(BIN)/batchctl local up --users $(USERS) $(ARGS)

test: setup ## all tests but those of test-sam: make test ARGS="-k upsert"
	@scripts/ensure-debian-package chromium chromium
	@scripts/ensure-debian-package faketime faketime
	@$(BIN)/pytest --numprocesses $(WORKERS) --no-loadscope-reorder --ignore=tests/sam $(ARGS)

screenshot: setup ## the README's picture of a run report, docs/report.png, out of a made-up run
	@scripts/ensure-debian-package chromium chromium
	@fc-list | grep -q Inter || scripts/ensure-debian-package the-font-inter fonts-inter
	@$(BIN)/python -m tests.browser.screenshot docs/report.png

test-sam: setup $(VENV)-sam/.ready ## real SAM CLI, containers and AWS CLI against the emulator; needs root (docker.io)
	@scripts/ensure-debian-package dockerd docker.io containerd runc iptables
	@scripts/ensure-debian-package debootstrap debootstrap
	@scripts/ensure-debian-package ip iproute2
	@$(BIN)/pytest tests/sam $(ARGS)

fuzz: setup ## every decoder of outside data against documents of any kind: make fuzz ARGS="--minutes 10"
	@PYTHONPATH=.:layers/batch:layers/job $(BIN)/python -m tests.fuzz.run $(ARGS)

lint: setup $(VENV)-lint/.ready $(VENV)-secrets/.ready ## formatting, lint, types, security of templates, secrets
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@# One template and one region a call: together they take cfn-lint minutes instead of seconds.
	@for template in $(TEMPLATES); do for region in us-east-1 ap-northeast-1; do \
	  $(BIN)/cfn-lint $$template --regions $$region || exit 1; done; done
	@$(BIN)/python -m tests.template.asl_rules template.yaml
	@$(BIN)/python -m tests.template.asl_rules pipeline/group-deployer.yaml
	@LOG_LEVEL=ERROR $(VENV)-lint/bin/checkov --config-file .checkov.yaml $(addprefix --file ,$(TEMPLATES))
	@scripts/find-secrets $(VENV)-secrets/bin

audit: $(VENV)-lint/.ready ## known vulnerabilities of the locked dependencies; asks PyPI, so it needs a network
	@scripts/audit $(VENV)-lint/bin requirements/audit-exceptions $(LOCKS)

fmt: setup ## rewrite the code in the project's format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup $(VENV)-bench/.ready ## side by side with asyncio and Celery: make bench ARGS="--users 30000 --rounds 3"
	@scripts/ensure-debian-package redis-server redis-server
	@$(VENV)-bench/bin/python bench/run.py $(ARGS)

chaos: setup ## faults injected into whole runs, and a table of what was survived: make chaos ARGS="--users 5000 database-killed"
	@scripts/ensure-debian-package faketime faketime
	@$(BIN)/python -m chaos.run $(ARGS)

soak: setup ## 200 runs in a row with faults on one stack, and what grows: make soak ARGS="--runs 60 --seed 2"
	@$(BIN)/python -m chaos.soak $(ARGS)

model: setup ## the model test, deeper: make model EXAMPLES=20000 STEPS=60 ARGS="-x"
	@MODEL_EXAMPLES=$(EXAMPLES) MODEL_STEPS=$(STEPS) $(BIN)/pytest -q tests/model $(ARGS)

model-mutations: setup ## break the product on purpose, and see the model test turn red: make model-mutations ARGS="redrive"
	@$(BIN)/python -m tests.model.mutations $(ARGS)

footprint: setup ## CPU of a cold start and zipped size of each function and layer
	@rm -rf .local/footprint && mkdir -p .local/footprint
	@for layer in batch:BatchLayer job:JobLayer; do \
	  LAMBDA_PYTHON_VERSION=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])') \
	  LAMBDA_ARCHITECTURE=$$(uname -m | sed s/aarch64/arm64/) \
	  PATH="$(CURDIR)/$(BIN):$$PATH" $(MAKE) --silent -C layers/$${layer%%:*} build-$${layer##*:} ARTIFACTS_DIR="$(CURDIR)/.local/footprint/$${layer%%:*}" || exit 1; \
	done
	@$(BIN)/python bench/footprint.py --functions functions/* --layers .local/footprint/batch .local/footprint/job \
	  --env TENANT_GROUP=t RUN_BUCKET=b ROW_STREAM=s CALLS_IN_FLIGHT=1 PARTNER_API_URL=http://localhost PARTNER_API_TIMEOUT_SECONDS=5 \
	  DATABASE_HOST=h DATABASE_PORT=1 DATABASE_NAME=n DATABASE_USER=u DATABASE_AUTH=password $(ARGS)

clean: ## remove environments, caches and what runs have left
	rm -rf $(VENV) $(VENV)-bench $(VENV)-lint $(VENV)-sam $(VENV)-secrets .local .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis

# uv installs the same locked files about ten times faster than pip; where it cannot run, pip does it.
$(VENV)/.ready: requirements/test.txt requirements/bootstrap.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11. Run 'make PYTHON=python3.13 ...' with a newer one." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || scripts/ensure-debian-package python3-with-ensurepip python3-venv
	@echo "preparing $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/test.txt \
	  || $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable . \
	  || $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)-bench/.ready: requirements/bench.txt
	@echo "preparing $(VENV)-bench ..."
	@$(PYTHON) -m venv $(VENV)-bench
	@$(VENV)-bench/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

# SAM CLI pins boto3, hence an environment of its own. uv, because pip takes an extra of boto3-stubs for a package without a hash.
$(VENV)-sam/.ready: requirements/sam.txt $(VENV)/.ready
	@echo "preparing $(VENV)-sam ..."
	@$(PYTHON) -m venv $(VENV)-sam
	@$(BIN)/uv pip sync --quiet --python $(VENV)-sam/bin/python --require-hashes requirements/sam.txt
	@touch $@

$(VENV)-lint/.ready $(VENV)-secrets/.ready: $(VENV)-%/.ready: requirements/%.txt $(VENV)/.ready
	@echo "preparing $(VENV)-$* ..."
	@$(PYTHON) -m venv $(VENV)-$*
	@$(BIN)/uv pip sync --quiet --python $(VENV)-$*/bin/python --require-hashes requirements/$*.txt \
	  || $(VENV)-$*/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.txt
	@touch $@
