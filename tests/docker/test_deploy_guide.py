"""docs/deploy.md: what it names exists."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "deploy.md").read_text()
COMPOSE = (ROOT / "docker" / "compose.yaml").read_text()
OURS = {"REID_PUBLISH", "REID_CPUS", "REID_MEMORY"}  # of compose.yaml, not of the service


def test_every_setting_is_one() -> None:
    settings = {f"REID_{field.upper()}" for field in Settings.model_fields}
    assert set(re.findall(r"\bREID_[A-Z_]+\b", GUIDE)) - OURS <= settings
    assert all(f"${{{name}:-" in COMPOSE for name in OURS)


def test_its_defaults_are_the_defaults() -> None:
    fields = Settings.model_fields
    assert f"`REID_DRAIN_NOTICE_S` ({fields['drain_notice_s'].default:g} s)" in GUIDE
    assert f"`REID_DRAIN_TIMEOUT_S` ({fields['drain_timeout_s'].default} s)" in re.sub(r"\s+", " ", GUIDE)
    assert f"`REID_MAX_BODY_MIB` ({fields['max_body_mib'].default} MiB)" in GUIDE


def test_its_figures_are_those_of_the_result_file() -> None:
    figures = json.loads((ROOT / "benchmarks/container/results.json").read_text())
    resident = figures["resident_mb"]
    guide = re.sub(r"\s+", " ", GUIDE)
    for said in (
        f"the image is {figures['image_mb']:.0f} MB",
        f"computes {figures['ready_cpu_seconds']['median']:.1f} s",
        f"{resident['ready']:.0f} MB are resident",
        f"{resident['after 10 x 128 crops']:.0f} MB after",
        f"took {figures['ready_seconds']['median']:.1f} s until `/readyz` said ready",
        f"beside {figures['true_seconds']['median']:.2f} s",
    ):
        assert said in guide, said


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)]+)\)", GUIDE))))
def test_links_lead_somewhere(target: str) -> None:
    name, _, anchor = target.partition("#")
    page = (ROOT / "docs" / (name or "deploy.md")).resolve()
    assert page.is_file()
    if anchor:
        headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
        assert anchor in {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_make_target_is_one() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", GUIDE, re.M)) <= targets
