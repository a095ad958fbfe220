# `make` lists the targets. A target that needs the virtual environment creates it if it is missing.
DEBUG ?= on
export DEBUG
PYTHON := .venv/bin/python
REQUIREMENTS := requirements.txt requirements-dev.txt
# The stamp's name contains a checksum of the requirements, so they are installed again only after a change.
STAMP := .venv/installed-$(shell cat $(REQUIREMENTS) | cksum | cut -d ' ' -f 1)
# pusher-js and axe-core, for the browser tests.
BROWSER := tests/browser
BROWSER_STAMP := $(BROWSER)/node_modules/installed-$(shell cksum < $(BROWSER)/package-lock.json | cut -d ' ' -f 1)
# The JavaScript library of Standard Webhooks, with which the tests verify our webhook calls.
WEBHOOKS := tests/webhooks
WEBHOOKS_STAMP := $(WEBHOOKS)/node_modules/installed-$(shell cksum < $(WEBHOOKS)/package-lock.json | cut -d ' ' -f 1)
# The code generators that the tests run on docs/openapi.yaml. The Python generators have their own virtual environment.
GENERATORS := tests/generators
GENERATORS_STAMP := $(GENERATORS)/.venv/installed-$(shell cksum < $(GENERATORS)/requirements.txt | cut -d ' ' -f 1)
NODE_GENERATORS_STAMP := \
    $(GENERATORS)/node_modules/installed-$(shell cksum < $(GENERATORS)/package-lock.json | cut -d ' ' -f 1)
# soketi, an open-source server for Pusher's protocol, with which the tests try the browser client.
SOKETI := tests/soketi
SOKETI_STAMP := $(SOKETI)/node_modules/installed-$(shell cksum < $(SOKETI)/package-lock.json | cut -d ' ' -f 1)

# For each of these, `make lock` reads the .in file and writes the .txt file.
LOCKED := requirements requirements-dev $(GENERATORS)/requirements lab/bench/peers/requirements
UV := .venv/lock/bin/uv

WORKERS ?= 3
# Tests of `make check-all` that may run at the same time. The others measure times, or need the whole machine.
TOGETHER := $(addprefix tests/,browser clients docs e2e evenings generators handbook notifications) \
    $(addprefix tests/crash/test_,backup_crash.py killed_server.py retention_crash.py) \
    tests/lab/test_bench_webhooks.py
# The exit statuses with which the two runs of `make check-all` pass. With ARGS, one of them may find no tests (status 5).
PASSED := 00$(if $(ARGS),|05|50)

ROOMS := analytics api config desk goals lab mongodb notifications ops pages sessions_app showgoals taskqueue webhooks
POT := .venv/messages.pot

SCHEMA := $(PYTHON) manage.py spectacular --validate --fail-on-warn
SCHEMA_FILE := docs/openapi.yaml

.DEFAULT_GOAL := help
.PHONY: help setup lock tools generators soketi demo test lint check check-all schema messages fuzz evenings planted run
MAKEFLAGS += --no-print-directory

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## create the virtual environment and install dependencies; quick if nothing has changed

lock: ## write requirements*.txt, with the hash of every file, from requirements*.in (UPGRADE="--upgrade-package name")
	@test -x $(UV) || { python3 -m venv .venv/lock && .venv/lock/bin/python -m pip install --quiet uv==0.13.8; }
	@for name in $(LOCKED); do \
	    $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-annotate \
	        --no-emit-index-url --custom-compile-command 'make lock' $(UPGRADE) $$name.in --output-file $$name.txt || exit 1; \
	done

demo: $(STAMP) ## run one show from end to end, with 250 viewers; with WATCH=1 its pages stay open
	@$(PYTHON) manage.py demo $(if $(WATCH),--watch)

test: $(STAMP) tools ## run the test suite on a real MongoDB replica set, in WORKERS (3) processes (ARGS="-k name")
	@$(PYTHON) -m pytest --numprocesses $(WORKERS) --dist loadgroup -m 'not long' $(ARGS)

lint: $(STAMP) ## check the style only; takes a second
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check

check: lint ## check style, types, direction of imports, migrations, settings and docs/openapi.yaml
	@$(PYTHON) -m mypy .
	@$(PYTHON) .venv/bin/lint-imports --no-logo
	@$(PYTHON) manage.py makemigrations --check --dry-run
	@$(PYTHON) manage.py check
	@$(SCHEMA) | diff -u $(SCHEMA_FILE) - || { echo 'The API differs from $(SCHEMA_FILE): run make schema.' >&2; exit 1; }

check-all: export ALLOW_MISSING := $(ALLOW_MISSING)
check-all: $(STAMP) tools generators soketi ## run the tests that take too long for `make test`, and those that need tools (ALLOW_MISSING=chromium,npm)
	@first=0; second=0; \
	$(PYTHON) -m pytest -m 'long or needs' --numprocesses $(WORKERS) --dist loadgroup $(TOGETHER) $(ARGS) || first=$$?; \
	$(PYTHON) -m pytest -m 'long or needs' $(addprefix --ignore=,$(TOGETHER)) $(ARGS) || second=$$?; \
	case $$first$$second in $(PASSED)) ;; *) exit 1 ;; esac

schema: $(STAMP) ## write docs/openapi.yaml, the API as OpenAPI 3.1
	@$(SCHEMA) --file $(SCHEMA_FILE)

fuzz: $(STAMP) ## send thousands of requests made from docs/openapi.yaml to a real server (FUZZ_EXAMPLES=25, FUZZ_SEED=1)
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-25} $(PYTHON) -m pytest -s tests/fuzz $(ARGS)

evenings: $(STAMP) ## simulate many random evenings of shows with all kinds of failures (EVENINGS=10000)
	@EVENINGS=$${EVENINGS:-10000} $(PYTHON) -m pytest -s -m 'not long' tests/evenings/test_evenings.py $(ARGS)

planted: $(STAMP) ## plant known faults in copies of the tree, and show which evening finds each (ARGS="name ...")
	@$(PYTHON) -m tests.planted $(ARGS)

# We use Babel because a fresh machine has no msgfmt. `--add-location=file` omits line numbers, which would change with
# every edit.
messages: $(STAMP) ## extract new texts for translation, then compile locale/ (run it again after translating them)
	@PYTHONPATH=. $(PYTHON) .venv/bin/pybabel -q extract --mapping pyproject.toml --add-location=file --sort-by-file --output $(POT) $(ROOMS)
	@$(PYTHON) .venv/bin/pybabel -q update --domain django --input-file $(POT) --output-dir locale --width 120 \
	    --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
	@$(PYTHON) .venv/bin/pybabel compile --domain django --directory locale --statistics
	@rm $(POT)

run: $(STAMP) ## migrate, then run server and qcluster on PORT (8000); Ctrl-C stops both
	@$(PYTHON) manage.py serve

# Without npm, pytest skips the tests that need it, and lists them.
tools: $(if $(shell command -v npm),$(BROWSER_STAMP) $(WEBHOOKS_STAMP))

generators: $(GENERATORS_STAMP) $(if $(shell command -v npm),$(NODE_GENERATORS_STAMP))

soketi: $(if $(shell command -v npm),$(SOKETI_STAMP))

$(STAMP): $(REQUIREMENTS)
	@python=; for name in python3.11 python3 python3.12 python3.13; do \
	    if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; \
	done; \
	test -n "$$python" || { echo 'Missing: Python 3.11 or newer (apt-get install python3 python3-venv).' >&2; exit 1; }; \
	$$python -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "Missing: Python's venv module (apt-get install python3-venv)." >&2; exit 1; }; \
	$(PYTHON) -m pip --version >/dev/null 2>&1 || $$python -m venv --clear .venv
	@echo 'Installing the requirements into .venv ...'
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.txt
	@$(PYTHON) -m lab.mongod_binary
	@rm -f .venv/installed-* && touch $@

$(BROWSER_STAMP): $(BROWSER)/package-lock.json
	@echo 'Installing pusher-js and axe-core for the browser tests ...'
	@npm ci --prefix $(BROWSER) --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

$(WEBHOOKS_STAMP): $(WEBHOOKS)/package-lock.json
	@npm ci --prefix $(WEBHOOKS) --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

$(GENERATORS_STAMP): $(GENERATORS)/requirements.txt | $(STAMP)
	@echo 'Installing the code generators ...'
	@$(PYTHON) -m venv --clear $(GENERATORS)/.venv
	@$(GENERATORS)/.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	    --requirement $(GENERATORS)/requirements.txt
	@touch $@

$(NODE_GENERATORS_STAMP): $(GENERATORS)/package-lock.json
	@npm ci --prefix $(GENERATORS) --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

$(SOKETI_STAMP): $(SOKETI)/package-lock.json
	@echo 'Installing soketi ...'
	@npm ci --prefix $(SOKETI) --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@
