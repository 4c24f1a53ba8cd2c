# Postern. Everything sets itself up in .venv; nothing outside this folder is changed, but for the Debian packages that
# the tests need, which are installed when you are root.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCK := build/lock/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --upgrade
TEST_PACKAGES := postfix libsasl2-modules swaks libnet-ssleay-perl redis-server postgresql chromium \
	fonts-dejavu-core

# Some machines tell Python to keep no bytecode. Then each process compiles all of our sources anew, which costs more than
# all else that it does until it answers; what is kept lies in this folder.
unexport PYTHONDONTWRITEBYTECODE

# A file's tests stay in one worker, so that what a module starts is started once; in the order of the tree, which has
# the slowest first. Many wait more than they work, so there are more workers than most machines have cores; WORKERS=0
# runs all in one process.
WORKERS ?= 4
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist=loadfile --no-loadscope-reorder

.PHONY: help run test coverage lint format bench bench-rules bench-ledger bench-limits growth soak bulk campaign \
	dkim fleet docs mutants fuzz lock wheel \
	clean packages

help:  ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/run  ## start a gateway with a sandbox next hop and send it a demonstration set (ARGS=--once: end after it)
	$(BIN)/postern demo $(ARGS)

test: .venv/dev packages  ## run all tests (ARGS=... goes to pytest)
	$(PYTEST) $(ARGS)

coverage: .venv/dev packages  ## run all tests and tell which branches none of them takes; half as long again
	$(PYTEST) --cov --cov-report=term $(ARGS)

lint: .venv/dev  ## ruff and mypy, warnings are errors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev  ## format the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/dev packages  ## measure beside Postfix, Postfix with rspamd, Haraka (QUICK=1: within three minutes, beside the first; ROWS=N)
	@if [ -z "$(filter-out 0,$(QUICK))" ] && [ "$$(id -u)" = 0 ] && ! command -v rspamd >/dev/null; then \
	sh tests/rig/packages.sh rspamd || true; fi
	$(BIN)/python -m tests.bench.bench $(ARGS)

bench-rules: .venv/dev  ## what all rules cost, beside the header split of the same run, and at worst; a missed goal fails
	$(BIN)/python -m tests.bench.rules $(ARGS)
	$(BIN)/python -m tests.bench.worst

bench-ledger: .venv/dev packages  ## what the ledger costs a message, beside one batched EVALSHA of the same run; a missed goal fails
	$(BIN)/python -m tests.bench.ledger --senders 100000 $(ARGS)

dkim: .venv/dev  ## sign 10,000 messages of every shape, verify them by dkimpy and OpenDKIM; what signing costs
	$(BIN)/python -m tests.bench.dkim $(ARGS)

bench-limits: .venv/dev packages  ## show in full that limits hold, whatever counts and fails, and who notices (ARGS="exact bomb")
	$(BIN)/python -m tests.bench.limits $(ARGS)

growth: .venv/dev packages  ## what a message costs as customers, consents, sessions, recipients, size, history grow (QUICK=1; ARGS="--only size"; ROWS=N)
	$(BIN)/python -m tests.bench.growth $(ARGS)

soak: .venv/dev packages  ## an hour of mail through two nodes with faults: nothing lost, memory flat (ARGS="--minutes 3 --rate 50")
	$(BIN)/python -m tests.bench.soak $(ARGS)

fleet: .venv/dev packages  ## show that limits, withdrawals, kills and cost hold on several nodes behind HAProxy (QUICK=1; ARGS="exact --nodes 1,2")
	@if [ "$$(id -u)" = 0 ] && ! command -v haproxy >/dev/null; then sh tests/rig/packages.sh haproxy || true; fi
	QUICK=$(QUICK) $(BIN)/python -m tests.bench.fleet $(ARGS)

campaign: .venv/dev packages  ## send a campaign of 10,000 by Postfix and Exim, and count who got it (ARGS="bulk auto --people 1000")
	$(BIN)/python -m tests.bench.campaign $(ARGS)

bulk: .venv/dev  ## which merges of the labelled set are found, and which other mail is mistaken (ARGS="choose --pure")
	$(BIN)/python -m tests.bulk.measure $(or $(ARGS),prove)

docs: .venv/dev  ## write the generated pages
	$(BIN)/postern rules --markdown > docs/rules.md

mutants: .venv/dev  ## mutation run over the engine and the wire handling; unexplained survivors fail
	$(BIN)/python -m tests.mutants $(ARGS)

SECONDS ?= 60
fuzz: .venv/dev  ## coverage-guided fuzz of the SMTP edge (SECONDS=600); a finding stops it
	$(BIN)/python -c 'import atheris' 2>/dev/null || $(PIP) 'atheris>=3'
	nice -n 19 $(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

wheel: .venv/dev  ## build the wheel into dist/
	$(BIN)/python -m hatchling build -t wheel

lock:  ## write the requirements files anew: newest versions, with hashes, for Python 3.11 to 3.13
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOCK) -o requirements.lock pyproject.toml
	$(LOCK) --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	printf 'hatchling\neditables\n' | $(LOCK) -c requirements-dev.lock -o requirements-build.lock -

clean:  ## remove everything that was made here
	rm -rf .venv var dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/run: pyproject.toml requirements.lock requirements-build.lock
	$(PYTHON) -m venv .venv
	$(PIP) --require-hashes -r requirements.lock -r requirements-build.lock
	$(PIP) --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q config consent filters gateway
	@touch $@

.venv/dev: .venv/run requirements-dev.lock
	$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

packages:
	@missing=""; for p in $(TEST_PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ]; then echo "missing Debian packages:$$missing (as root: apt-get install$$missing)" >&2; exit 1; fi; \
	sh tests/rig/packages.sh $$missing
