# headcount: everything a person or a machine types. `make help` lists it.
#
# `make run` and `make test` install what they need from the package registries (npm and cargo;
# the tests' browser by apt), so that a clean clone on a fresh machine needs nothing else.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test torture lint bench clean build-pages

RUN_ARGS ?=
ONLY ?=
KILLS ?=
SEED ?=
NPM_STAMP := node_modules/.package-lock.json
PAGES := dashboards/web/dist/index.html dashboards/tracker/dist/script.js
PAGE_SOURCES := $(shell find dashboards -type f -not -path '*/dist/*' 2>/dev/null) package-lock.json

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */\1\t/' | expand -t 12

run: ## install, build and serve on http://127.0.0.1:8000 with the embedded engine
	@tools/preflight run
	@$(MAKE) --no-print-directory build-pages
	@cargo build --release --locked --bin headcount
	@exec target/release/headcount serve --demo --data-dir ./data --listen 127.0.0.1:8000 \
		--metrics-listen 127.0.0.1:8001 $(RUN_ARGS)

test: ## run every check and test; ONLY=name runs the tests whose name holds it
	@tools/preflight test
	@$(MAKE) --no-print-directory build-pages
	@ONLY='$(ONLY)' tools/test

torture: ## run the tests of faults long; KILLS=200, SEED=n repeats, ONLY=name as above
	@tools/preflight test
	@$(MAKE) --no-print-directory build-pages
	@KILLS='$(KILLS)' SEED='$(SEED)' ONLY='$(ONLY)' tools/torture

lint: ## format and lint, as the tests do
	@$(MAKE) --no-print-directory build-pages
	cargo fmt --check
	cargo lint

bench: ## measure; prints the tables of benches/README.md
	@tools/preflight test
	@$(MAKE) --no-print-directory build-pages
	@tools/bench

clean: ## remove what was built (not ./data)
	rm -rf target node_modules dashboards/web/dist dashboards/tracker/dist

build-pages: $(PAGES)

$(NPM_STAMP): package.json package-lock.json
	npm ci --no-progress
	@touch $@

$(PAGES) &: $(NPM_STAMP) $(PAGE_SOURCES)
	npm run --silent build
	@touch $(PAGES)
