"""The service beside BentoML, the same rounds in turn: `benchmarks.serving litserve` with another rival.

python -m benchmarks.serving.beside_bentoml --bentoml-python VENV/bin/python
"""

from __future__ import annotations

import argparse
import base64
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks.machine import machine
from benchmarks.serving.crops import drawn_crops
from benchmarks.serving.load import Outcome, Target, closed
from benchmarks.serving.servers import ROOT, _free_port, _running, our_service
from benchmarks.serving.throughput import BATCH, CLIENTS
from service.cpus import usable_cpus

HERE = Path(__file__).parent


def main() -> int:
    options = _parser().parse_args()
    result = {
        "machine": machine(),
        "command": f"python -m benchmarks.serving.beside_bentoml --rounds {options.rounds}",
        "bentoml_version": _version(options.bentoml_python),
        **beside_bentoml(options.model, options.bentoml_python, usable_cpus(), options.rounds, options.seconds),
    }
    options.json.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 0


def beside_bentoml(model: Path, python: str, threads: int, rounds: int, seconds: float) -> dict[str, Any]:
    """16 clients, one crop a request, JSON in and out for both."""
    bodies = [orjson.dumps({"images": [base64.b64encode(crop).decode()]}) for crop in drawn_crops(64)]
    port = _free_port()
    command = [python, str(HERE / "bentoml_server.py"), str(model), str(port), str(threads)]
    found: dict[str, list[Outcome]] = {"service": [], "bentoml": []}
    with (
        our_service(sys.executable, model, threads, "--max-batch", str(BATCH)) as ours,
        _running(command, None, "/readyz", port) as theirs,
    ):
        targets = {
            name: Target(server.url, "/embed", bodies, 1, {"Content-Type": "application/json"})
            for name, server in (("service", ours), ("bentoml", theirs))
        }
        for target in targets.values():
            closed(target, clients=CLIENTS, seconds=5)  # BentoML learns how long a batch takes
        for _ in range(rounds):
            for name, target in targets.items():
                found[name].append(closed(target, clients=CLIENTS, seconds=seconds))
    about = {"model": model.name, "clients": CLIENTS, "threads": threads}
    return about | {name: _summary(outcomes) for name, outcomes in found.items()}


def _summary(outcomes: Sequence[Outcome]) -> dict[str, float]:
    return {
        "crops_per_second": round(statistics.median(o.crops_per_second for o in outcomes), 2),
        "p50_ms": round(statistics.median(o.milliseconds(50) for o in outcomes)),
        "p99_ms": round(statistics.median(o.milliseconds(99) for o in outcomes)),
        "not_answered": sum(n for o in outcomes for status, n in o.statuses.items() if status != 200),
    }


def _version(python: str) -> str:
    asked = [python, "-c", "import importlib.metadata as m; print(m.version('bentoml'))"]
    return subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()


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
