# `make` alone lists what there is. Needs Python 3.11 or newer and make; no root.

SHELL := /bin/sh
.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The first Python that is new enough; PYTHON=… names another.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
PRODUCTION := $(BIN)/python scripts/as_production.py
# The port that .env was written with, unless another is asked for.
PORT ?= $(or $(shell sed -n 's,^SITE_URL=http://127\.0\.0\.1:\([0-9]*\)$$,\1,p' .env 2>/dev/null),8000)
# One more than there are cores: a test that waits, for a browser or a lock, leaves its core to another
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1)))
# Every process of the tests reads the same modules; compiling them anew in each costs more than many a test
unexport PYTHONDONTWRITEBYTECODE
# sqlite, postgresql, or nothing for both
ENGINE ?=
# Further words for pytest, such as ARGS="-k races"
ARGS ?=
FLIPS ?= 1000
# How often the site is killed, and which faults are planted to see that they are found (a name, or all)
KILLS ?= 50
PLANT ?=
SEED ?= pinpoint
SEQUENCES ?= 10000
# The demo clinics in a database of their own, and every record of theirs checked
DEMO_ADDS_UP := export PINPOINT_DEMO=1; $(MANAGE) migrate --no-input --verbosity 0; $(MANAGE) load_demo; $(MANAGE) verify_records

.PHONY: help run test lint check test-sqlite test-postgresql faults proof proof-sqlite proof-postgresql proof-kills proof-planted \
	proof-demo bench requirements clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS="$$(printf '\t')" read -r name what; do \
		printf '  make %-14s %s\n' "$$name" "$$what"; done

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Pinpoint needs Python 3.11 or newer: install it, or name it with PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "$(PYTHON) has no venv module. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }

# A stamp each, so that pip runs only when the pins have changed.
.venv/run.stamp: requirements.txt | .venv/bin/python
	@test -e .venv/dev.stamp && test .venv/dev.stamp -nt requirements.txt || { \
		echo "Installing what the site needs (requirements.txt) …"; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt; }
	@touch $@

.venv/dev.stamp: requirements-dev.txt | .venv/bin/python
	@echo "Installing what the tests need (requirements-dev.txt) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.txt
	@touch $@

.env: | .venv/bin/python
	@$(BIN)/python scripts/write_env.py $(PORT)

run: .venv/run.stamp .env ## the site with its demo clinics at http://127.0.0.1:8000 (PORT= changes it)
	@if grep -q '^SITE_URL=http://127\.0\.0\.1:' .env; then export SITE_URL=http://127.0.0.1:$(PORT); fi; \
	$(MANAGE) migrate --no-input --verbosity 0; \
	$(MANAGE) load_demo; \
	$(MANAGE) load_material; \
	$(MANAGE) collectstatic --no-input --verbosity 0; \
	exec $(BIN)/python scripts/serve.py $(PORT)

test: .venv/dev.stamp ## everything, on SQLite and then on PostgreSQL (ENGINE=sqlite or ENGINE=postgresql: one of them)
	@case "$(ENGINE)" in ""|sqlite|postgresql) ;; *) echo "ENGINE is sqlite or postgresql, got $(ENGINE)."; exit 1;; esac
	@$(MAKE) lint check
	@failed=""; \
	if test "$(ENGINE)" != postgresql; then \
		$(MAKE) test-sqlite || failed=1; \
		$(MAKE) faults ENGINE=sqlite ARGS= || failed=1; \
	fi; \
	if test "$(ENGINE)" = sqlite; then :; \
	elif test "$(ENGINE)" = postgresql || $(BIN)/python scripts/with_postgres.py --available; then \
		$(MAKE) test-postgresql || failed=1; \
		$(MAKE) faults ENGINE=postgresql ARGS= || failed=1; \
	else \
		echo "Skipped: the same tests on PostgreSQL, because its binaries (initdb, pg_ctl) are not on this machine."; \
		echo "To have them: apt-get install postgresql (Debian, Ubuntu) or brew install postgresql; no server need run."; \
		if test -n "$${CI:-}"; then echo "With CI set, nothing may be skipped."; failed=1; fi; \
	fi; \
	test -z "$$failed"

lint: .venv/dev.stamp ## format, lint and types
	@$(BIN)/ruff format --check --quiet . || { echo "Run .venv/bin/ruff format . to put the format right."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(PRODUCTION) $(BIN)/mypy --no-error-summary .

check: .venv/dev.stamp ## migrations, deployment settings and the material's files
	@$(PRODUCTION) $(MANAGE) makemigrations --check --dry-run --verbosity 0 \
		|| { echo "A model has changed without its migration: manage.py makemigrations."; exit 1; }
	@$(PRODUCTION) $(MANAGE) check --deploy --fail-level WARNING
	@$(PRODUCTION) $(MANAGE) load_material --check

test-sqlite: .venv/dev.stamp
	@echo "== The tests on SQLite"
	@env -u DATABASE_URL -u TEST_DATABASE_URL $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not proof" $(ARGS)

test-postgresql: .venv/dev.stamp
	@echo "== The tests on PostgreSQL, but those for which one engine is enough"
	@$(BIN)/python scripts/with_postgres.py $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder \
		-m "not proof and not one_engine" $(ARGS)

faults: .venv/dev.stamp ## break it on purpose, and see that nothing was lost (KILLS=, ENGINE=, PLANT=)
	@$(BIN)/python -m faults --kills "$(KILLS)" --seed "$(SEED)" --engine "$(or $(ENGINE),both)" --plant "$(PLANT)" $(ARGS)

proof: proof-sqlite proof-kills proof-postgresql proof-planted proof-demo ## what takes an hour or two: changed bytes, random sittings, 1,000 kills, the demo checked (FLIPS=, SEQUENCES=)
	@echo "Proven: every part ended clean."

proof-%: export FLIPS := $(FLIPS)
proof-%: export SEED := $(SEED)
proof-%: export SEQUENCES := $(SEQUENCES)
proof-sqlite: .venv/dev.stamp
	@env -u DATABASE_URL -u TEST_DATABASE_URL $(BIN)/python -m pytest -n $(WORKERS) -m proof $(ARGS)

proof-postgresql: .venv/dev.stamp
	@if $(BIN)/python scripts/with_postgres.py --available; then \
		$(BIN)/python scripts/with_postgres.py $(BIN)/python -m pytest -n $(WORKERS) -m proof $(ARGS); \
	else echo "Skipped: the proof on PostgreSQL. To have it: apt-get install postgresql"; fi

proof-kills: .venv/dev.stamp
	@$(MAKE) faults KILLS=1000 ARGS=

proof-planted: .venv/dev.stamp
	@$(MAKE) faults PLANT=all ARGS=

proof-demo: .venv/dev.stamp
	@$(PRODUCTION) sh -euc '$(DEMO_ADDS_UP)'
	@if $(BIN)/python scripts/with_postgres.py --available; then $(BIN)/python scripts/with_postgres.py \
		$(PRODUCTION) sh -euc 'export DATABASE_URL="$$TEST_DATABASE_URL"; $(DEMO_ADDS_UP)'; fi

bench: .venv/dev.stamp ## measure, and write the figures to bench/
	@$(BIN)/python -m bench $(ARGS)

requirements: ## compile pyproject.toml into the two files of pins (needs uv)
	@command -v uv >/dev/null || { echo "uv is not here: https://docs.astral.sh/uv/ says how to have it."; exit 1; }
	uv pip compile pyproject.toml --quiet --generate-hashes --universal --python-version 3.11 --no-header -o requirements.txt
	uv pip compile pyproject.toml --quiet --group dev --generate-hashes --universal --python-version 3.11 --no-header -o requirements-dev.txt

clean: ## remove what was made here, but neither .env nor the data in var/
	rm -rf .venv staticfiles .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
