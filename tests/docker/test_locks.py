"""The package lists of the images: exact, the same versions as everywhere, and nothing that was not asked for."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def load_lock() -> ModuleType:
    spec = importlib.util.spec_from_file_location("image_lock", ROOT / "docker" / "lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lock = load_lock()
LISTS: dict[str, tuple[str, ...]] = lock.LISTS


def pins(file: Path) -> dict[str, str]:
    """Name to version; anything but `name==version` fails."""
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    found = {}
    for line in lines:
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)", line)
        assert match, f"{file.name}: {line!r} is not name==version"
        found[canonicalize_name(match[1])] = match[2]
    assert len(found) == len(lines)
    return found


def closure(requirements: list[str]) -> set[str]:
    """What these requirements need, all the way, as it is installed here."""
    names: set[str] = set()
    queue = [Requirement(text) for text in requirements]
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        if name in names and not requirement.extras:
            continue
        names.add(name)
        for text in importlib.metadata.requires(name) or []:
            needed = Requirement(text)
            wished = [{"extra": extra} for extra in requirement.extras or {""}]
            if needed.marker is None or any(needed.marker.evaluate(environment) for environment in wished):
                queue.append(needed)
    return names


@pytest.mark.parametrize("name", LISTS)
def test_versions_are_those_of_the_constraints(name: str) -> None:
    known = pins(ROOT / "constraints.txt")
    assert pins(ROOT / "docker" / name).items() <= known.items()


@pytest.mark.parametrize("name", LISTS)
def test_every_requirement_of_the_project_is_there(name: str) -> None:
    wanted = {canonicalize_name(Requirement(text).name) for text in lock.wanted(LISTS[name])}
    assert wanted <= set(pins(ROOT / "docker" / name)), "run `make lock`"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-training.txt"])
def test_the_list_is_the_whole_closure_and_no_more(name: str) -> None:
    assert set(pins(ROOT / "docker" / name)) == closure(lock.wanted(LISTS[name])), "run `make lock`"


@pytest.mark.parametrize("name", [name for name, extras in LISTS.items() if "train" not in extras])
def test_no_service_image_trains(name: str) -> None:
    assert not {"torch", "torchvision", "timm", "onnx", "pytest"} & set(pins(ROOT / "docker" / name))


def test_an_unknown_list_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["lock.py", "requirements-tpu.txt"])
    with pytest.raises(SystemExit, match=r"'requirements-tpu\.txt'; there are: requirements\.txt"):
        lock.main()
