# `make help` lists the targets. Everything runs in .venv, which the first target that needs it makes.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
TF     ?= $(firstword $(shell command -v tofu) $(shell command -v terraform))
STACKS := infra/terraform
CHECKOV := .local/checkov
SCAN   := $(CHECKOV)/bin/checkov --config-file infra/checkov/checkov.yaml

.DEFAULT_GOAL := help
.PHONY: help setup demo run test reliability reliability-long killing simulate planted check lint types policy-test docs bench build planner plan deploy destroy cost infra-static infra-test plan-record build-test build-bench dynamodb-local requirements clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make the virtual environment with the pinned requirements

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Middlewatch needs Python 3.11 or newer; name one with PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: $(READY) ## play three incidents from alarm to recovery (AUTO=1: clicks by itself)
	@$(BIN)/middlewatch demo

run: $(READY) ## start the same and stay up: POST your own alerts at it
	@$(BIN)/middlewatch run

test: $(READY) ## run the tests
	$(BIN)/pytest

reliability: $(READY) ## try everything that could break a promise, at a size for every day, and print one table
	@$(BIN)/python -m tests.reliability

reliability-long: $(READY) ## the same at the size of docs/reliability.md, which it writes (hours)
	@$(BIN)/python -m tests.reliability --long

killing: $(READY) ## kill every function at every moment of an incident (20 minutes; make test does a share)
	RELIABILITY=all $(BIN)/pytest tests/reliability -m emulator -n 2

simulate: $(READY) ## play N schedules of things that go wrong, from SEED on, and ask whether a promise was broken
	@$(BIN)/python -m tests.reliability.simulator --schedules $(or $(N),10000) --seed $(or $(SEED),1) $(if $(KEEP),--keep $(KEEP))

planted: $(READY) ## plant every bug of tests/reliability/planted, one at a time, and print which check noticed which
	@$(BIN)/python -m tests.reliability.planted --size $(or $(N),0) --seed $(or $(SEED),1)

check: $(READY) lint types policy-test test ## lint, types, policy tests, agreement tests, tests

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

policy-test: $(READY) ## run the policy's own tests
	@$(BIN)/middlewatch policy test

docs: $(READY) ## write docs/lifecycle.md and the README's table of functions from the code
	@$(BIN)/python -m local.reference

$(CHECKOV)/bin/checkov: infra/checkov/requirements.txt
	$(PYTHON) -m venv $(CHECKOV)
	$(CHECKOV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<

infra-static: $(CHECKOV)/bin/checkov ## scan the Terraform and the recorded plans; needs no Terraform (what no scanner asks, make test does)
	LOG_LEVEL=ERROR $(SCAN) --directory infra/terraform --framework terraform
	EVAL_TF_PLAN_AFTER_UNKNOWN=true LOG_LEVEL=ERROR $(SCAN) --file tests/infra/plans/records.json tests/infra/plans/app.json \
		--framework terraform_plan --repo-root-for-plan-enrichment infra/terraform

infra-test: $(READY) build ## plan, make, play the demo's stories on it and destroy it, all on this machine (about 8 minutes)
	@$(BIN)/python -m infra.package host
	INFRA=all $(if $(TF),TF='$(TF)') $(BIN)/pytest tests/infra/planner -n0 --durations=12

plan-record: $(READY) build ## keep what would be planned on an empty account in tests/infra/plans, for tests that need no Terraform
	@$(if $(TF),TF='$(TF)') $(BIN)/python -m tests.infra.planner.record

build: $(READY) ## write build/<function>.zip for Lambda, where it has changed, and print what each weighs
	@$(BIN)/python -m infra.package build

planner:
	@test -n '$(TF)' || { echo 'Install OpenTofu (or Terraform), 1.9 or newer, so that `tofu` is on the PATH, or name one with TF=…'; exit 1; }

plan: planner build ## show what deploy would change on AWS; nothing is changed
	$(TF) -chdir=$(STACKS)/records init -input=false
	$(TF) -chdir=$(STACKS)/records plan
	@$(TF) -chdir=$(STACKS)/records output -raw timeline_table >/dev/null 2>&1 || { echo 'The application finds the records by name: it can be planned once `make deploy` has made them. It asks before each of the two.'; exit 1; }
	$(TF) -chdir=$(STACKS)/app init -input=false
	$(TF) -chdir=$(STACKS)/app plan

deploy: planner build ## make or change it on AWS, the records first; asks before each of the two
	$(TF) -chdir=$(STACKS)/records init -input=false
	$(TF) -chdir=$(STACKS)/records apply
	$(TF) -chdir=$(STACKS)/app init -input=false
	$(TF) -chdir=$(STACKS)/app apply
	@$(TF) -chdir=$(STACKS)/app output -json > build/deployment.json
	@echo 'build/deployment.json tells the command `middlewatch` where it is. Next: `middlewatch secrets list`, then `middlewatch doctor`.'

destroy: planner ## take the application down; the records stay
	@echo 'This takes down the application with its logs, queues and archive. The secrets can be restored for 7 days, its key for 30.'
	@echo 'What stays is the stack `records`: both tables, the audit bucket and their key. docs/deploy.md says how to remove those too.'
	$(TF) -chdir=$(STACKS)/app init -input=false
	$(TF) -chdir=$(STACKS)/app destroy
	@rm -f build/deployment.json

build-test: $(READY) ## build every function's zip twice and look through it (minutes; make test does a share)
	PACKAGES=all $(BIN)/pytest tests/infra/test_packages.py

build-bench: $(READY) ## measure the packages (sizes, imports, memory) and write docs/packages.md (10 minutes)
	@$(BIN)/python -m infra.package measure

bench: $(READY) ## measure, print the table and write docs/benchmarks.md (about 10 minutes)
	@$(BIN)/python -m local.bench

cost: $(READY) ## price a deployment and write docs/cost.md from the recorded plans
	@$(BIN)/python -m infra.cost

dynamodb-local: ## fetch DynamoDB Local with Maven (Java 17), so that the contract suite runs against it too
	mvn --quiet --batch-mode --file tests/contracts/dynamodb-local.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/.local/dynamodb-local

requirements: $(READY) ## compile requirements.txt anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --all-extras --generate-hashes --universal --python-version 3.11 --no-annotate --custom-compile-command "make requirements" pyproject.toml --output-file requirements.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-annotate --custom-compile-command "make requirements" infra/checkov/requirements.in --output-file infra/checkov/requirements.txt

clean: ## remove everything that the targets made
	rm -rf $(VENV) .local build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
