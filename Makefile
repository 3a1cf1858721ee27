# Each target does its own set-up: Python 3.11 or newer, make and git are all that must be there.

SHELL := /bin/sh
BIN := .venv/bin
STEP := scripts/step
ENV ?= dev

.DEFAULT_GOAL := help
.PHONY: pulumi setup help preview check test lint types e2e fuzz cluster cluster-stop crds bench golden schema docs screenshot lock \
  system up clean

help: ## List the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1	/p' Makefile | expand -t 21

preview: .venv/.preview ## Check and render every environment, and print a summary
	@$(BIN)/infra preview

check: .venv/.dev ## Formatting, lint and types
	@$(STEP) 'formatting' $(BIN)/ruff format --check .
	@$(STEP) 'lint' $(BIN)/ruff check .
	@$(STEP) 'types' $(BIN)/mypy

test: check ## The same, and all tests that need no cluster
	@$(BIN)/pytest -n 2 -rs $(PYTEST_ARGS)

lint: .venv/.dev ## Correct the formatting, and lint
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

types: .venv/.dev ## Check the types
	@$(BIN)/mypy

e2e: .venv/.dev ## Build a real Kubernetes control plane and Pulumi, and run tests/cluster on them (needs Go)
	@$(BIN)/pytest -rs tests/cluster

fuzz: .venv/.dev ## Generate 10,000 environments; check and that control plane must agree about each
	@FUZZ_COUNT=$${FUZZ_COUNT:-10000} $(BIN)/pytest -rs tests/cluster/fuzz/test_generated.py

cluster: .venv/.dev ## Start that control plane with the nodes of ENV, and leave it running
	@$(BIN)/python -m tests.cluster start $(ENV)

cluster-stop: .venv/.dev ## Stop it
	@$(BIN)/python -m tests.cluster stop

crds: .venv/.dev ## Fetch the definitions of kinds that some tests need
	@$(BIN)/python -m tests.cluster crds

bench: .venv/.preview ## Time fleets of 10, 100 and 1,000 models; rows go to out/bench.json
	@$(BIN)/python -m tools.bench
	@$(BIN)/python -m tools.bench_diff

golden: .venv/.dev ## Write what tests compare with: renders, identities; look at them, and commit them
	@$(STEP) 'rendering' env GOLDEN_UPDATE=1 $(BIN)/pytest tests/test_golden.py tests/contract/test_contract.py

schema: .venv/.preview ## Write stacks/schema.json, by which editors complete stack files
	@$(BIN)/infra schema --output stacks/schema.json

docs: .venv/.dev schema ## Write what is generated: schema, components.md, the proofs' pages, README's picture and output
	@$(BIN)/infra graph prod --output docs/images/prod.svg
	@$(BIN)/python -m tools.components_doc
	@$(BIN)/python -m tests.components.proofs.test_pages
	@$(BIN)/python -m tests.components.fit.page
	@$(BIN)/python -m tools.readme

screenshot: .venv/.dev ## Photograph the page of a diff for the documentation (needs Chromium)
	@$(BIN)/python -m tests.infra.comment.browser

lock: .venv/.dev ## Look for newer versions of all packages, and lock them with hashes
	@for set in preview deploy dev; do \
	  $(STEP) "locking $$set" $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --output-file requirements/$$set.txt requirements/$$set.in || exit 1; \
	done

system: ## Install the Debian packages that some tests need
	@$(STEP) 'system packages' scripts/system

pulumi:
	@command -v pulumi >/dev/null || { echo 'make up needs the Pulumi CLI: https://www.pulumi.com/docs/install/' >&2; exit 1; }

setup: .venv/.deploy ## Set up what deploying needs, for `pulumi up` by itself

up: pulumi .venv/.deploy ## Deploy an environment: make up ENV=dev
	@pulumi up --stack $(ENV)

clean: ## Delete what was generated, .venv included
	rm -rf .venv out .mypy_cache .ruff_cache .pytest_cache .hypothesis

# A stamp a set of packages: a second run does nothing.
.venv/.%: requirements/%.txt pyproject.toml
	@scripts/python >/dev/null
	@$(STEP) 'setting up' scripts/install requirements/$*.txt
	@touch $@
