"""The service beside BentoML, the same rounds in turn: `benchmarks.serving litserve` with another rival.

python -m benchmarks.serving.beside_bentoml --bentoml-python VENV/bin/python
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.serving.servers import bentoml, version_of
from benchmarks.serving.throughput import beside
from service.cpus import usable_cpus

HERE = Path(__file__).parent


def main() -> int:
    options, threads = _parser().parse_args(), usable_cpus()
    result = {
        "machine": machine(),
        "command": f"python -m benchmarks.serving.beside_bentoml --rounds {options.rounds}",
        "bentoml_version": version_of("bentoml", options.bentoml_python),
        **beside(
            "bentoml",
            bentoml(options.bentoml_python, options.model, threads),
            options.model,
            threads=threads,
            rounds=options.rounds,
            seconds=options.seconds,
            warm_up=5,  # BentoML learns how long a batch takes
        ),
    }
    options.json.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.beside_bentoml", description=__doc__)
    parser.add_argument("--bentoml-python", required=True, help="of an environment that has bentoml and onnxruntime")
    parser.add_argument("--model", type=Path, default=Path("models/lite0-imagenet.onnx"))
    parser.add_argument("--seconds", type=float, default=10.0, help="of one round (default 10)")
    parser.add_argument("--rounds", type=int, default=5, help="(default 5)")
    parser.add_argument("--json", type=Path, default=HERE / "bentoml.json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
