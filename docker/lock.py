"""Writes the exact package list of every image: `make lock`.

Each list is the closure of extras of pyproject.toml, resolved by pip under constraints.txt, so an image holds what
the tests ran with and nothing that was not asked for. Needs a package index; the images then install with --no-deps.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"

# The lists, and the extras that each is the closure of.
LISTS = {
    "requirements.txt": ("service",),
    "requirements-milvus.txt": ("service", "milvus"),
    "requirements-gpu.txt": ("service-gpu",),
    "requirements-training.txt": ("train", "export"),
}


def wanted(extras: tuple[str, ...]) -> list[str]:
    """The requirements of the project and of some of its extras, those that refer to other extras followed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = list(project["dependencies"])
    queue = list(extras)
    while queue:
        for requirement in project["optional-dependencies"][queue.pop()]:
            if requirement.startswith(f"{project['name']}["):
                queue += requirement.partition("[")[2].rstrip("]").split(",")
            else:
                found.append(requirement)
    return sorted(set(found), key=str.lower)


def resolve(requirements: list[str]) -> list[str]:
    """What pip resolves them to: `name==version` each, sorted."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-"]
    arguments = ["--only-binary", ":all:", "-c", str(CONSTRAINTS), *requirements]
    report = subprocess.run([*pip, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    packages = [entry["metadata"] for entry in json.loads(report.stdout)["install"]]
    return sorted((f"{package['name']}=={package['version']}" for package in packages), key=str.lower)


def main() -> None:
    """Writes every list, or only those named on the command line."""
    for name in sys.argv[1:] or LISTS:
        if name not in LISTS:
            sys.exit(f"error: no list is called {name!r}; there are: {', '.join(LISTS)}")
        extras = ", ".join(LISTS[name])
        lines = [
            f"# Written by `make lock` from pyproject.toml ({extras}) and constraints.txt.",
            *resolve(wanted(LISTS[name])),
        ]
        (ROOT / "docker" / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"docker/{name}: {len(lines) - 1} packages")


if __name__ == "__main__":
    main()
