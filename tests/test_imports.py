"""The import arrows of the house, and where its packages come from."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("reid_contract", "training", "export", "gallery_index", "service", "reid_client")

# What each package may import of the others. Between training and service crosses one file, model.onnx.
MAY_IMPORT = {
    "reid_contract": set(),
    "training": {"reid_contract"},
    "export": {"reid_contract", "training"},
    "gallery_index": {"reid_contract"},
    "service": {"reid_contract", "gallery_index"},
    "reid_client": set(),
}
NEVER = {
    "reid_contract": {"torch", "timm", "onnxruntime", "faiss", "fastapi", "pydantic"},
    "training": {"fastapi", "faiss"},
    "export": {"fastapi", "faiss"},
    "gallery_index": {"torch", "timm", "fastapi", "onnxruntime"},
    "service": {"torch", "timm", "torchvision"},
    "reid_client": {"torch", "timm", "fastapi", "onnxruntime", "faiss"},
}


def imported(file: Path) -> set[str]:
    """Top-level names of every import in a file, those inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_arrows(package: str) -> None:
    forbidden = (set(PACKAGES) - MAY_IMPORT[package] - {package}) | NEVER[package]
    broken = {
        str(file.relative_to(ROOT)): sorted(found)
        for file in (ROOT / package).rglob("*.py")
        if (found := imported(file) & forbidden)
    }
    assert not broken


def test_contract_needs_numpy_and_pillow_only() -> None:
    foreign = {"numpy", "PIL", "reid_contract", "__future__"}
    for file in (ROOT / "reid_contract").rglob("*.py"):
        assert imported(file) <= foreign | sys.stdlib_module_names, file


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_come_from_this_repository(package: str) -> None:
    """Names as general as `training` exist elsewhere; another project's must never be picked up."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT)


def test_relative_imports_are_not_used() -> None:
    """Path equals import: grep for `gallery_index.types` finds every user."""
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.split():
        nodes = ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8")))
        assert not [n for n in nodes if isinstance(n, ast.ImportFrom) and n.level], name
