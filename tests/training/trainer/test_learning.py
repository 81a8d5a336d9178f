"""The whole way, small: drawn people, key points by MoveNet, PGFL-KD, and a better rank for people never seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.__main__ import main
from training.data.synthetic.dataset import draw_dataset

SMALL = (
    "--height 64 --width 32 --growth= --identities 8 --images 4 --epochs 8 --warmup_epochs 0.5 --learning_rate 3e-3 "
    "--augment.pad 2 --augment.erase 0 --augment.occlude 0 --loss.branch_weight 0.3 --evaluate_every 8 --device cpu"
)


@pytest.mark.slow
def test_training_on_drawn_people_finds_other_drawn_people(tmp_path: Path) -> None:
    """Half-hidden queries. With three seeds mAP rose from 4.1 to 10.0 or more, Rank-10 from 24 to 44 or more, Rank-1
    from 2.5 to between 7.5 and 15: of 80 queries, too few to ask much of Rank-1."""
    data, output = tmp_path / "people", tmp_path / "run"
    draw_dataset(data, people=80, sightings_per_person=8, queries_per_person=2, height=64, width=32)
    common = ["fit", "--preset", "compact", "--dataset", "synthetic", "--data", str(data), "--output", str(output)]
    assert main([*common, *SMALL.split()]) == 0
    log = [json.loads(line) for line in (output / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    trained = [line["losses"] for line in log if "losses" in line]
    for name in ("id/G", "id/E", "id/V", "contrastive"):
        assert trained[-1][name] < 0.9 * trained[0][name], name
    assert trained[-1]["id/G"] < 0.6 * trained[0]["id/G"]
    before, after = (line["metrics"] for line in log if "metrics" in line)
    assert after["mAP"] > 1.8 * before["mAP"]
    assert after["rank10"] > before["rank10"] + 10
    assert after["rank1"] > before["rank1"]
