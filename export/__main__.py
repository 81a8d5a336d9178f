"""`python -m export SOURCE OUT.onnx …` strips, exports and verifies; `python -m export inspect FILE` reads a file."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import get_args

from reid_contract import Flavour, Precision

_EPILOG = """
python -m export inspect FILE
  prints the contract of an exported file.

examples:
  python -m export runs/market/last.pt market.onnx
  python -m export runs/market/last.pt market-int8.onnx --precision int8 --calibration crops/
  python -m export timm:resnet50 plain.onnx --size 384x128 --flavour boxmot
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit status. A ValueError or OSError ends in its message and status 1."""
    arguments = sys.argv[1:] if arguments is None else arguments
    inspecting = arguments[:1] == ["inspect"]
    parsed = _inspect_parser().parse_args(arguments[1:]) if inspecting else _export_parser().parse_args(arguments)
    module = "export.inspection" if inspecting else "export.command"
    try:
        importlib.import_module(module).run(parsed)  # here, so that --help does not wait for torch
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _export_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m export",
        description="Strip a checkpoint to its main branch and write one verified ONNX file that carries its contract.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("source", metavar="SOURCE", help="a checkpoint of `python -m training fit`, or timm:NAME for plain weights")
    add("out", metavar="OUT.onnx", type=Path, help="the file to write; its report stands beside it")
    add("--flavour", choices=get_args(Flavour), default="service", help="for which client (default: service)")
    add("--precision", choices=get_args(Precision), default="fp32", help="of the weights (default: fp32)")
    add("--match-calibration", type=Path, metavar="JSON", help="from `training calibrate`: scores get probabilities")
    add("--calibration", type=Path, metavar="DIR", help="crops that set the ranges of int8, and to verify on")
    add("--dataset", metavar="NAME", help="measure what the export costs in mAP and Rank-1 on this data set")
    add("--data", type=Path, metavar="ROOT", help="where the data set lies")
    add("--identities", type=int, metavar="N", help="measure on the crops of N test persons only: faster")
    add("--max-loss", type=float, metavar="POINTS", help="of mAP and Rank-1 (default: fp32 0.05, fp16 0.1, int8 0.5)")
    add(
        "--reduce-range",
        action=argparse.BooleanOptionalAction,
        help="int8 weights in 7 bits, for CPUs without VNNI (default: as this CPU needs it)",
    )
    add("--size", metavar="HxW", help="timm: only; of the crops (default: 256x128)")
    add("--weights", metavar="WHICH", help="timm: only; imagenet (default), none, or a .pth or .safetensors file")
    add("--training-data", metavar="TEXT", help="what the model learned from, for the contract")
    add("--licence", metavar="TEXT", help="terms of weights and training data, for the contract")
    return parser


def _inspect_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m export inspect", description="Print the contract of a file.")
    parser.add_argument("file", metavar="FILE", type=Path, help="an exported .onnx file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
