"""What is in the image's layers, one by one: what a later layer deletes is still delivered by an earlier one."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.container import docker

FORBIDDEN = {
    "training code": r"site-packages/(torch|torchvision|timm|onnx)/|^app/(training|export|tests)/",
    "tests": r"(^|/)tests?/.*\.py$",
    "pip, or its cache": r"^opt/venv/.*/(pip|setuptools)/|(^|/)\.cache/|(^|/)http-v2/",
    "a compiler": r"(^|/)(gcc|g\+\+|cc1|clang)(-\d+)?$",
    "how this was built": r"(^|/)(pip\.conf|ca\.pem|\.git|\.env|keys\.json|Dockerfile)$|^(tmp|root|run/secrets)/.+",
}


def layers(folder: Path) -> Iterator[tuple[str, tarfile.TarFile]]:
    """Every layer above the base, in order; the format of `docker save` before and after OCI."""
    manifest = json.loads((folder / "manifest.json").read_text())[0]
    config = json.loads((folder / manifest["Config"]).read_text())
    made_files = [step for step in config["history"] if not step.get("empty_layer")]
    for step, layer in zip(made_files, manifest["Layers"], strict=True):
        if "buildkit" in step.get("comment", "") or "buildkit" in step.get("created_by", ""):
            with tarfile.open(folder / layer) as archive:
                yield step["created_by"], archive


@pytest.fixture(scope="module")
def saved(image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    docker("save", "--output", str(folder / "image.tar"), image)
    with tarfile.open(folder / "image.tar") as archive:
        archive.extractall(folder, filter="data")
    (folder / "image.tar").unlink()
    return folder


def test_no_layer_holds_what_it_should_not(saved: Path) -> None:
    seen = 0
    for step, archive in layers(saved):
        for member in archive.getmembers():
            seen += member.isfile()
            for what, pattern in FORBIDDEN.items():
                assert not (member.isfile() and re.search(pattern, member.name)), f"{what}: {member.name} ({step})"
    assert seen > 500  # the environment's layer was among them


def test_no_layer_holds_a_secret_of_the_build(saved: Path) -> None:
    """Package indexes with passwords and private certificates come as build secrets, and leave nothing behind."""
    secret = re.compile(
        rb"-----BEGIN (RSA |EC )?PRIVATE KEY|index-url\s*=|cert\s*=\s*/run/secrets|https?://[^/\s:@]+:[^/\s@]+@"
    )
    for step, archive in layers(saved):
        for member in archive.getmembers():
            if (
                member.isfile()
                and member.size < 1_000_000
                and not member.name.endswith((".py", ".pyc", ".so", ".onnx"))
            ):
                content = archive.extractfile(member)
                assert content is not None
                assert not secret.search(content.read()), f"{member.name} ({step})"


def test_its_history_names_no_secret(image: str) -> None:
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image).stdout
    assert "index-url" not in history
    assert "://" not in history.replace("unix://", "")
