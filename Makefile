# Everything a developer or CI calls. A fresh machine needs Debian 12, Python 3.11, Node 20, apt, pip and npm.
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NODE := node_modules/.installed
export REDOCLY_TELEMETRY := off

.PHONY: demo test check lint types imports specs generate drift bench docs servers clean

demo: $(STAMP)
	$(BIN)/gridjobs demo

test: $(STAMP) servers
	$(BIN)/pytest -q

check: lint types imports specs drift test

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

specs: $(NODE)
	npx redocly lint specs/openapi/gridjobs.yaml
	node tools/bundle_asyncapi.mjs specs/asyncapi/gridjobs.yaml

generate: $(STAMP) $(NODE)
	bash tools/generate.sh

drift: generate
	@test -z "$$(git status --porcelain -- jobs/gridjobs/contract api/gridjobs_api/pages)" || \
	  { git --no-pager diff --stat -- jobs/gridjobs/contract api/gridjobs_api/pages; echo "generated files differ: run make generate and commit"; exit 1; }

bench: $(STAMP) servers
	bash benchmarks/run.sh $(NAME)

servers:
	bash tools/servers.sh

$(STAMP): pyproject.toml requirements.lock
	test -x $(BIN)/python || python3 -m venv $(VENV)
	$(BIN)/python -m pip install -q uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q -r requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --no-deps -e .
	touch $@

$(NODE): package.json package-lock.json
	npm ci --no-audit --no-fund
	touch $@

lock: $(STAMP)
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --no-header --no-annotate --no-emit-index-url -q -o requirements.lock

clean:
	rm -rf $(VENV) node_modules .data
