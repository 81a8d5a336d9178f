# `make demo` and `make test` are all a newcomer needs. Every target works on a fresh machine with Python and make.
PYTHON ?= python3
export ORT_DISABLE_TELEMETRY := 1
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-integrations test-milvus lint bench clean lock image image-milvus image-gpu image-training test-image test-built-image test-gpu-image

# Everything: training, export, service, tools.
.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python $(PIP_INSTALL) -e '.[dev]'
	touch $@

# What a deployed service has, and nothing more: no torch. The client is there for the demo.
.venv-service/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-service
	.venv-service/bin/python $(PIP_INSTALL) -e '.[service,client]'
	touch $@

demo: .venv-service/.ready
	.venv-service/bin/python -m demo $(if $(DATA),--data "$(DATA)")

test: .venv/.ready .venv-service/.ready
	.venv/bin/python -m pytest

# Other people's trackers on our files and our service. They are large, and two of them AGPL: an environment of their own.
.venv-integrations/.ready: tests/integrations/requirements.txt
	$(PYTHON) -m venv .venv-integrations
	.venv-integrations/bin/python -m pip install --quiet --disable-pip-version-check -r tests/integrations/requirements.txt
	touch $@

.venv-norfair/.ready: tests/integrations/norfair-requirements.txt
	$(PYTHON) -m venv .venv-norfair
	.venv-norfair/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

test-integrations: .venv/.ready .venv-service/.ready .venv-integrations/.ready .venv-norfair/.ready
	.venv-integrations/bin/python -m pytest -W default tests/integrations
	.venv-norfair/bin/python -m pytest -W default tests/integrations/test_norfair.py

# The gallery's contract tests against a real Milvus server, which pip installs.
.venv-milvus/.ready: tests/gallery_index/milvus-requirements.txt
	$(PYTHON) -m venv .venv-milvus
	.venv-milvus/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

test-milvus: .venv-milvus/.ready
	.venv-milvus/bin/python tests/gallery_index/run_milvus_tests.py

lint: .venv/.ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

bench: .venv/.ready
	.venv/bin/python -m benchmarks

# The exact packages of every image, out of pyproject.toml and constraints.txt; needs a package index.
lock: .venv/.ready
	.venv/bin/python docker/lock.py

# The images, and their tests; they need a container engine. IMAGE_FLAGS are for `docker build`.
IMAGE ?= pgfl-kd-reid
DOCKER ?= docker
BUILD = DOCKER_BUILDKIT=1 $(DOCKER) build $(IMAGE_FLAGS)

image:
	$(BUILD) -f docker/Dockerfile -t $(IMAGE) .

image-milvus:
	$(BUILD) --build-arg REQUIREMENTS=requirements-milvus.txt -f docker/Dockerfile -t $(IMAGE):milvus .

image-gpu:
	$(BUILD) -f docker/gpu.Dockerfile -t $(IMAGE):gpu .

image-training:
	$(BUILD) -f docker/training.Dockerfile -t $(IMAGE):training .

test-image: image test-built-image

test-built-image: .venv/.ready
	REID_TEST_IMAGE=$(IMAGE) .venv/bin/python -m pytest tests/docker/test_image.py tests/docker/test_layers.py

test-gpu-image: image-gpu .venv/.ready
	REID_TEST_GPU_IMAGE=$(IMAGE):gpu .venv/bin/python -m pytest tests/docker/test_gpu_image.py

clean:
	rm -rf .venv .venv-service .venv-integrations .venv-norfair .venv-milvus .cache
