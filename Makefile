# Every target that needs Python makes .venv first (scripts/setup.sh), which takes a minute once and nothing later.
# PYTHON=... names the interpreter to make it with; REQUIREMENTS=gpu|cpu|base overrules the choice of requirements;
# WORKERS=0 runs the tests in one process. Packages are installed without bytecode, which their first import writes.

.DEFAULT_GOAL := help
BIN := .venv/bin
WORKERS := 2
PYTEST := $(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
export PYTHON
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup consumers harnesses browser page demo test quick lint docs bench model reference-curves clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv with the pinned requirements for this machine
	@scripts/setup.sh $(REQUIREMENTS)

demo: setup ## Watch the embedded model solve, review, refine, learn, and be compared with itself
	@$(BIN)/tutelage demo

consumers: ## Make .venv-consumers: the programs that tests hand exports to
	@scripts/consumers.sh

harnesses: setup ## Make .venv-harnesses: lm-eval, Inspect, TensorBoard and Trackio, with the project in it
	@scripts/consumers.sh harnesses

browser: ## Make sure that Chromium is there, in which tests look at the studio (apt, where it is missing)
	@command -v chromium >/dev/null || (apt-get update -qq && apt-get install -qq --yes chromium)

page: ## Build the studio's page from studio/ (Node; users get it built)
	@cd studio && npm ci --silent && npm run --silent build

test: setup consumers harnesses browser ## Run all tests
	@$(PYTEST)

quick: setup ## Run the tests that start no engine, trainer, server or child process
	@$(PYTEST) -m "not slow"

lint: setup ## Check style (ruff) and types (mypy)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

docs: setup ## Run the code of README.md and docs/
	@$(BIN)/pytest tests/test_documentation.py

bench: setup ## Run a benchmark: make bench NAME=grader ARGS="..." (without NAME: list them)
	@$(BIN)/python -m benchmarks $(NAME) $(ARGS)

model: setup ## Train the embedded model anew (an hour on two cores)
	@$(BIN)/python -m tutelage.training.embedded

reference-curves: setup ## Make the stored training curves anew, after an objective was changed on purpose
	@PYTHONPATH=. $(BIN)/python -m tests.training.reference_curves.curves --write >/dev/null

clean: ## Remove caches and builds; .venv and runs/ stay
	@rm -rf build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis .benchmarks src/*.egg-info
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
