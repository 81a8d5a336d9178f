"""What precision costs in mAP: one model in fp16 and int8 against PyTorch, on real test crops.

    python -m benchmarks.export.accuracy SOURCE --dataset NAME --data ROOT [--identities N] [--json FILE]

int8 in 8 bits as CPUs with VNNI take it, and in 7 bits as the others need it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import machine
from export.command import export_model
from export.request import Request
from export.verify import VerificationFailed
from reid_contract import Precision

CASES: tuple[tuple[str, Precision, bool], ...] = (
    ("fp16", "fp16", False),
    ("int8", "int8", False),
    ("int8, weights in 7 bits", "int8", True),
)


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    only = f" --identities {options.identities}" if options.identities else ""
    result = {
        "machine": machine(),
        "command": f"python -m benchmarks.export.accuracy {options.source} --dataset {options.dataset}{only}",
        "files": [measure(options, *case) for case in CASES],
    }
    options.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print("| precision | worst cosine | mAP | change of mAP | change of Rank-1 |\n| --- | --: | --: | --: | --: |")
    for row in result["files"]:
        print(_line(row))
    return 0


def measure(options: argparse.Namespace, case: str, precision: Precision, reduce_range: bool) -> dict[str, object]:
    """The figures of the export's own report, or why there is no file."""
    with tempfile.TemporaryDirectory() as folder:
        request = Request(
            options.source,
            Path(folder) / "model.onnx",
            precision=precision,
            dataset=options.dataset,
            data=options.data,
            identities=options.identities,
            reduce_range=reduce_range,
        )
        try:
            report = json.loads(export_model(request, lambda text: print("·", text, file=sys.stderr)).as_json())
        except VerificationFailed as error:
            return {"case": case, "failed": str(error)}
    worst = min(row["worst"] for row in report["parity"])
    return {"case": case, "worst_cosine": worst, "attempts": report["attempts"], **report["accuracy"]}


def _line(row: dict[str, object]) -> str:
    if "failed" in row:
        return f"| {row['case']} | failed: {row['failed']} |"
    figures, loss = row["file"], row["loss"]
    return (
        f"| {row['case']} | {row['worst_cosine']:.4f} | {figures['mAP']:.2f} | {0.0 - loss['mAP']:+.2f} "
        f"| {0.0 - loss['rank1']:+.2f} |"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export.accuracy")
    parser.add_argument("source", metavar="SOURCE", help="as of python -m export")
    parser.add_argument("--dataset", required=True, metavar="NAME")
    parser.add_argument("--data", required=True, type=Path, metavar="ROOT")
    parser.add_argument("--identities", type=int, metavar="N", help="persons to measure on (default: all)")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_name("accuracy.json"), metavar="FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
