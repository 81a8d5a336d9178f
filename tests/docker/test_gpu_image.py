"""The GPU image, as far as a machine without a GPU can tell. `make test-gpu-image`."""

from __future__ import annotations

import json
import os

import pytest

from tests.docker.container import API_KEY, docker

PROVIDERS = "import json, onnxruntime; print(json.dumps(onnxruntime.get_available_providers()))"
MISSING = """
import glob, onnxruntime, os, subprocess
site = os.path.dirname(onnxruntime.__path__[0])
wheels = ":".join(glob.glob(site + "/nvidia/*/lib"))
library = site + "/onnxruntime/capi/libonnxruntime_providers_cuda.so"
told = subprocess.run(["ldd", library], env={"LD_LIBRARY_PATH": wheels}, capture_output=True, text=True, check=True)
print(*(line.split()[0] for line in told.stdout.splitlines() if "not found" in line))
"""


@pytest.fixture(scope="module")
def gpu_image() -> str:
    name = os.environ.get("REID_TEST_GPU_IMAGE")
    if not name:
        pytest.skip("no GPU image to test; `make test-gpu-image` builds one")
    return name


def python(image: str, code: str) -> str:
    return docker("run", "--rm", "--network", "none", "--entrypoint", "python", image, "-c", code).stdout


def test_it_has_the_providers_of_a_gpu(gpu_image: str) -> None:
    assert {"CUDAExecutionProvider", "CPUExecutionProvider"} <= set(json.loads(python(gpu_image, PROVIDERS)))


def test_only_the_driver_is_missing(gpu_image: str) -> None:
    """CUDA and cuDNN are in the image; libcuda.so.1 is the driver's, and comes from the host."""
    assert python(gpu_image, MISSING).split() in ([], ["libcuda.so.1"])


def test_without_a_gpu_it_says_so_and_stops(gpu_image: str) -> None:
    ran = docker("run", "--rm", "--network", "none", "-e", f"REID_API_KEY={API_KEY}", gpu_image, check=False)
    assert ran.returncode == 1
    assert "the provider 'cuda' did not load" in ran.stderr


def test_the_cpu_of_the_same_image_serves(gpu_image: str) -> None:
    cpu = ("-e", "REID_PROVIDERS=cuda,cpu", "-e", "REID_ALLOW_FALLBACK=true", "-e", f"REID_API_KEY={API_KEY}")
    started = docker("run", "--detach", "--network", "none", *cpu, gpu_image).stdout.strip()
    try:
        ready = "import time, service.healthcheck as h\nfor _ in range(60): h.main() or exit(0); time.sleep(1)\nexit(1)"
        assert docker("exec", started, "python", "-c", ready, check=False).returncode == 0, docker(
            "logs", started
        ).stderr
    finally:
        docker("rm", "--force", "--volumes", started)
