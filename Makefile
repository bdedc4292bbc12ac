# Builds .venv when it is missing or older than the lock; every target runs inside it.
UV_VERSION := 0.13.9
PYTHON := $(shell command -v python3.11 >/dev/null 2>&1 && python3.11 -c pass 2>/dev/null && echo python3.11 || \
	{ command -v python3.12 >/dev/null 2>&1 && python3.12 -c pass 2>/dev/null && echo python3.12; } || \
	{ command -v python3 >/dev/null 2>&1 && python3 -c 'import sys; sys.exit(not ((3,11) <= sys.version_info[:2] < (3,13)))' 2>/dev/null && echo python3; })
BIN := .venv/bin
OUT ?= demo

# Every command and every test that starts a process imports torch: compiled anew each time, that takes ten seconds more.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test slow studio lint format bench lock clean

demo: .venv
	$(BIN)/counterface demo -o $(OUT)

test: .venv
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

slow: .venv
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m slow

studio: .venv
	$(BIN)/counterface studio

lint: .venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv
	$(BIN)/python -m benchmarks

.venv: .venv/.built

.venv/.built: requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "Counterface needs Python 3.11 or 3.12, and neither python3.11 nor python3.12 is on the PATH." >&2; exit 2; fi
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	cp $(BIN)/uv .venv/uv
	VIRTUAL_ENV=$(CURDIR)/.venv .venv/uv pip sync --quiet requirements.lock
	VIRTUAL_ENV=$(CURDIR)/.venv .venv/uv pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

lock: .venv
	.venv/uv pip compile --universal --python-version 3.11 --override overrides.txt --extra dev --extra ray --extra redis \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.lock

clean:
	rm -rf .venv demo build *.egg-info
