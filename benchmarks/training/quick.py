"""A training step of PGFL-KD beside the Baseline's, for the compact model, in half a minute: `python -m benchmarks`.

python -m benchmarks.training.quick --json FILE
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from rich.progress import track

from benchmarks.machine import machine
from benchmarks.training.__main__ import SETTINGS, measure_steps


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training.quick", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="of paired steps (default 2)")
    parser.add_argument("--json", type=Path, required=True, help="where the figures go")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    steps = [measure_steps(*setting, options.rounds) for setting in track(SETTINGS[:2], "training steps")]
    options.json.write_text(json.dumps({"machine": machine(), "steps": steps}, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
