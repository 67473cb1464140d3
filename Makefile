# Needs only Python (3.10 to 3.13) with venv, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STUDY := study
PLATFORMS := tflite tflite:builtin openvino

.PHONY: help study test bench clean

help:
	@echo "make study   install everything, sweep spaces/quickstart.yaml here, print the channels to keep"
	@echo "make test    install everything, then ruff, mypy and pytest"
	@echo "make bench   print every figure that the project claims, measured here"

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

test: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

bench: $(VENV)/.installed
	$(BIN)/pip install --quiet -e '.[bench]'
	$(BIN)/python benchmarks/light.py
	$(BIN)/python benchmarks/steps.py
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/cost.py
	$(BIN)/python benchmarks/schemes.py
	$(BIN)/python benchmarks/agreement.py
	$(BIN)/python benchmarks/coverage.py
	$(BIN)/python benchmarks/disturbance.py
	$(BIN)/python benchmarks/whole_space.py quickstart
	$(BIN)/nnbehave check-composition --quiet $(foreach p,$(PLATFORMS),--platform $(p)) || [ $$? -eq 3 ]

clean:
	rm -rf $(VENV) $(STUDY)
