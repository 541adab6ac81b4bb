# Thin: one idea per target. `make run` and `make test` set up everything they need.
PORT ?= 8000
PY := .venv/bin/python
# Half of what starting a command costs is compiling its modules anew.
unexport PYTHONDONTWRITEBYTECODE
export XUNAN_BASE_URL ?= http://127.0.0.1:$(PORT)

HISTORIES = --runs $(or $(N),200) --length $(or $(LENGTH),120) $(if $(SEED),--seed $(SEED))

.PHONY: setup build run test check bench load simulate generate lock report holes

setup: .venv/ready pwa/node_modules/ready

.venv/ready: requirements.txt requirements-dev.txt
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check uv
	.venv/bin/uv pip install --quiet --compile-bytecode --python $(PY) --require-hashes -r requirements-dev.txt
	touch $@

pwa/node_modules/ready: pwa/package-lock.json
	# Not `npm ci`: it insists on optional binaries of other platforms that a registry mirror may lack; versions are locked all the same.
	cd pwa && npm install --no-save --no-audit --no-fund --silent
	touch $@

pwa/dist/index.html: pwa/node_modules/ready $(shell find pwa/src pwa/public pwa/index.html pwa/vite.config.ts -type f 2>/dev/null)
	cd pwa && npm run --silent build -- --logLevel warn
	touch $@

build: pwa/dist/index.html

run: .venv/ready build
	$(PY) -m flask --app wsgi migrate
	$(PY) -m flask --app wsgi seed
	$(PY) -m flask --app wsgi dev-info
	PORT=$(PORT) .venv/bin/gunicorn wsgi:app

check: setup
	.venv/bin/ruff check sync server seed tests wsgi.py
	.venv/bin/mypy
	$(PY) -m server.generate --check
	cd pwa && npm run --silent check

test: check build
	$(PY) -m tests.tools.chromium
	cd pwa && npm run --silent test
	$(PY) -m pytest tests --numprocesses $(or $(JOBS),2) --dist loadfile

bench: setup build
	$(PY) -m tests.bench

load: setup
	$(PY) -m tests.load --devices $(or $(DEVICES),200) --stations $(or $(STATIONS),48) --workers $(or $(WORKERS),2) --photos $(or $(PHOTOS),5)

simulate: setup
	$(PY) -m tests.simulation $(HISTORIES)
	$(PY) -m tests.simulation $(HISTORIES) --engines
	$(PY) -m tests.simulation $(HISTORIES) --hub

generate: setup
	$(PY) -m server.generate

LOCK := .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11

lock: .venv/ready
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in -o requirements-dev.txt

report: setup
	$(PY) -m tests.tools.components

holes: setup
	$(PY) -m tests.tools.holes
