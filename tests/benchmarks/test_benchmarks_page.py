"""docs/benchmarks.md is what the committed results say."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.page.__main__ import page
from benchmarks.page.answer import BATCHES, POSE
from benchmarks.page.gpu import gpu_tables
from benchmarks.page.results import load

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m benchmarks.page docs/benchmarks.md"


def test_every_link_of_the_page_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []


def test_what_a_gpu_measured_is_told_table_by_table_with_the_gpu() -> None:
    path = "serving/results/throughput-lite0-imagenet.json"
    pose, batches, served = (load(p) | {"machine": load(p)["machine"] | {"gpu": "H"}} for p in (POSE, BATCHES, path))
    told = gpu_tables(pose, batches, {path: served | {"provider": "cuda"}})
    assert told.count("\n\nH; ") == 3
    assert "| lite0-imagenet.onnx | cuda | " in told
    assert "| PGFA + HRNet-W48 | fp32 | " in told
    assert "| tf_efficientnet_lite0 | fp16 | 8 | " in told
    whole = {(m["name"], m["precision"]): m["ms"]["whole"] for m in pose["methods"]}
    times = whole["PGFA + HRNet-W48", "fp32"] / whole["PGFL-KD, ResNet-50", "fp32"]
    assert f"({times:.1f} times faster)" in told
    assert "Serving was not measured" not in told
    assert gpu_tables(pose, {}, {}).endswith("Serving was not measured on one yet.")
    assert gpu_tables({}, {}, {}).startswith("Nothing was measured")
