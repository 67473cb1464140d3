# Needs only Python (3.10 to 3.13) with venv, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STUDY := study
PLATFORMS := tflite tflite:builtin openvino
# Tests run side by side, one process a core; more than four would only wait for the one core that is measured on.
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal

.PHONY: help study check test test-setup bench clean

help:
	@echo "make study       install everything, sweep spaces/quickstart.yaml here, print the channels to keep"
	@echo "make check       install everything, then ruff and mypy"
	@echo "make test        install everything, then the tests that need nothing else"
	@echo "make test-setup  the tests that fetch or set up something first, or take long; some may be skipped here"
	@echo "make bench       run every script of benchmarks/, each as small as a laptop finishes; some forty minutes"

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[all,dev]'
	@touch $@

# Exit code 3 says that some layers have no latency; the tables say which.
study: $(VENV)/.installed
	@mkdir -p $(STUDY)
	$(BIN)/nnbehave sweep quickstart $(foreach p,$(PLATFORMS),--platform $(p)) --store $(STUDY)/results.db || [ $$? -eq 3 ]
	$(BIN)/nnbehave steps $(STUDY)/results.db --png $(STUDY) || [ $$? -eq 3 ]

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: $(VENV)/.installed
	$(PYTEST) -m "not setup"

# One process: these tests share what they set up.
test-setup: $(VENV)/.installed
	$(BIN)/python -m pytest -m setup --durations 10

# A script's own defaults are those that the README's figures were made with.
bench: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[all,dev,bench]'
	$(BIN)/python benchmarks/light.py
	$(BIN)/python benchmarks/findings.py
	$(BIN)/python benchmarks/pruning.py
	$(BIN)/python benchmarks/steps.py --count 3
	$(BIN)/python benchmarks/schemes.py --layers 100
	$(BIN)/python benchmarks/throughput.py --layers 50
	$(BIN)/python benchmarks/cost.py --layers 50
	$(BIN)/python benchmarks/agreement.py
	$(BIN)/python benchmarks/composition.py --random 1
	$(BIN)/python benchmarks/coverage.py --runs 3 --layers 20 --hog none
	$(BIN)/python benchmarks/disturbance.py --pairs 5
	$(BIN)/python benchmarks/fusion.py --rounds 20
	$(BIN)/python benchmarks/roofline.py --platform tflite
	$(BIN)/python benchmarks/latency_table.py --networks 10
	$(BIN)/python benchmarks/whole_space.py quickstart
	$(BIN)/nnbehave check-composition --quiet $(foreach p,$(PLATFORMS),--platform $(p)) || [ $$? -eq 3 ]

clean:
	rm -rf $(VENV) $(STUDY)
