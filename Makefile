# Every target does the set-up it needs; a second set-up takes no time.
PYTHON := .venv/bin/python
# More than CI has cores: each has servers of its own, and most tests wait for what they have started.
TEST_WORKERS ?= 4

.PHONY: help setup core demo test lint soak bench clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

setup:  ## the interpreter's environment, the jars, the Java helper, and the databases the tests talk to
	@scripts/setup.sh peers

core:  ## the same without the databases
	@scripts/setup.sh

demo: core  ## watch the bridge lose nothing while it is being killed
	@.venv/bin/legacy-bridge demo $(DEMO_ARGS)

test: setup  ## every test, with coverage
	$(PYTHON) -m pytest -n $(TEST_WORKERS) --max-worker-restart 0 --dist loadfile --no-loadscope-reorder --cov --cov-report= $(TEST_ARGS)
	@echo coverage: $$($(PYTHON) -m coverage report --format=total) %

lint: core  ## ruff, mypy and the layers
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

soak: setup  ## hours of load, kills and restarts: MINUTES=, KILLS=, HISTORIES=, ONLY=
	@$(PYTHON) -m bench.soak $(if $(ONLY),--only $(ONLY)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(KILLS),--kills $(KILLS)) $(if $(HISTORIES),--histories $(HISTORIES))

bench: setup  ## measurements against the promises: ONLY=
	@$(PYTHON) -m bench $(if $(ONLY),--only $(ONLY))

clean:  ## remove what the others made
	rm -rf .venv jars/lib jars/broker jars/peers bridge/native/native.lib connectors/jdbc/reader.jar connectors/sap_rfc/clients/jco.jar bench/out \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	find bridge connectors -name __pycache__ -prune -exec rm -r {} +
