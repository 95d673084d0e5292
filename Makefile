# The commands of the project. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench lock fmt
SHELL := /bin/bash
PY := .venv/bin/python

help:
	@echo "make setup   make .venv with the locked packages"
	@echo "make demo    set up, write a demo estate and serve it on http://127.0.0.1:8000/"
	@echo "make test    set up and run every check and test (what .ci/run runs)"
	@echo "make bench   set up, run the benchmarks, write bench/results.json"
	@echo "make fmt     format the code and the templates"
	@echo "make lock    write requirements/*.txt anew from pyproject.toml; UPGRADE=--upgrade for newest"

# A Python counts when it runs, is 3.12 or newer and can make a virtual environment: a name on the
# PATH may be a shim that starts nothing, and Debian packages `ensurepip` apart.
define find_python
for name in python3 python3.13 python3.12; do \
  if $$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; \
  then found=$$name; break; fi; \
done
endef

# The copy of the lock file inside .venv says what was installed; the same one: nothing to do.
# uv installs in seconds what takes pip most of a minute: the one on the PATH, else the locked one.
# pip itself comes last, for a network that only pip has been told about.
setup:
	@if cmp -s requirements/dev.txt .venv/installed.txt && $(PY) -c '' 2>/dev/null; then exit 0; fi; \
	set -e; found=; $(find_python); \
	if [ -n "$$found" ]; then $$found -m venv --clear .venv; \
	elif ! uv venv --quiet --clear .venv 2>/dev/null; then \
	  echo "make: no Python 3.12 or newer here: install python3.13 with its venv module, or uv" >&2; exit 1; \
	fi; \
	echo "Installing $$(grep -c '^[a-z]' requirements/dev.txt) packages into .venv ($$($(PY) --version))"; \
	if ! uv=$$(command -v uv); then \
	  uv=.venv/bin/uv; \
	  awk '/^[a-z]/ { wanted = /^uv==/ } wanted' requirements/dev.txt > .venv/uv.txt; \
	  $(PIP) --requirement .venv/uv.txt || true; \
	fi; \
	"$$uv" pip install --quiet --python $(PY) --require-hashes --requirement requirements/dev.txt \
	  || $(PIP) --requirement requirements/dev.txt; \
	cp requirements/dev.txt .venv/installed.txt
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes

demo: setup
	@$(PY) manage.py demo
	@exec $(PY) manage.py serve

# State goes to a folder of its own: checks never touch the data of an installation in var/.
test: setup
	@set -e; export HEADROOM_DATA_DIR="$$(mktemp -d)"; trap 'rm -rf "$$HEADROOM_DATA_DIR"' EXIT; \
	$(MAKE) --no-print-directory lint; \
	$(call tests,env -u HEADROOM_TEST_DATABASE_URL,); \
	if [ -z "$${HEADROOM_TEST_DATABASE_URL:-}" ]; then \
	  echo "make: HEADROOM_TEST_DATABASE_URL names no PostgreSQL: its tests ran on SQLite only"; \
	else $(call tests,,-m "database and not browser"); fi

# What fails beside others is tried once more by itself, and both tries are printed: on two busy
# cores a browser or a worker may once be too slow. What fails by itself has failed.
tests = $(1) $(PY) -m pytest -n 2 $(2) || { test $$? -eq 1 && echo "Once more, by themselves:" && \
	  $(1) $(PY) -m pytest -n 0 --last-failed --last-failed-no-failures none $(2); }

lint: setup
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports
	find templates -name '*.html' -print0 | xargs -0r .venv/bin/djade --target-version 6.1 --check
	$(PY) manage.py makemigrations --check --dry-run

fmt: setup
	.venv/bin/ruff check --fix-only
	.venv/bin/ruff format
	find templates -name '*.html' -print0 | xargs -0r .venv/bin/djade --target-version 6.1 || true

bench: setup
	@$(PY) -m bench

# Universal: one file for every platform and Python from 3.12 on. No header, no index: the files
# name packages and hashes only.
LOCK := $(PY) -m uv pip compile pyproject.toml --universal --python-version 3.12 \
	--generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet $(UPGRADE)
lock:
	$(LOCK) --output-file requirements/base.txt
	$(LOCK) --group dev --output-file requirements/dev.txt
