"""The service beside the bare model, in half a minute: what `python -m benchmarks` runs.

python -m benchmarks.serving.quick [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.serving.throughput import against_bare
from service.cpus import usable_cpus


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.quick", description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/lite0-imagenet.onnx"))
    parser.add_argument("--seconds", type=float, default=2.0, help="of one round (default 2)")
    parser.add_argument("--rounds", type=int, default=3, help="(default 3)")
    parser.add_argument("--json", type=Path, required=True, help="where the figures go")
    options = parser.parse_args()
    figures = against_bare(
        options.model, threads=usable_cpus(), crops_per_request=16, rounds=options.rounds, seconds=options.seconds
    )
    options.json.write_text(json.dumps({"machine": machine(), **figures}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
