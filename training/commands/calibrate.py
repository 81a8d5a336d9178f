"""Fit a map from cosine to "how sure", and thresholds at chosen false-match rates, on labelled pairs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import get_args

from reid_contract import Calibration
from training.commands.model_arguments import add_data_arguments, add_model_arguments, model_of
from training.data.datasets import load_dataset
from training.evaluation.calibration import FALSE_MATCH_RATES
from training.evaluation.evaluation import Embedded
from training.evaluation.extract import extract
from training.evaluation.onnx_calibration import write_calibration
from training.evaluation.plots.calibration import draw_reliability, draw_roc
from training.evaluation.plots.style import save
from training.evaluation.validation import (
    NOT_INDEPENDENT,
    SEEN_IN_TRAINING,
    UNCONFIRMED,
    Split,
    Validated,
    calibrate,
    validation_split,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_model_arguments(parser)
    add_data_arguments(parser)
    parser.add_argument("--split", default="train", choices=get_args(Split), help="whose crops pair up (default train)")
    parser.add_argument(
        "--held-out", type=float, metavar="SHARE", help="only persons that `fit --hold_out SHARE` kept out of training"
    )
    parser.add_argument(
        "--match-share",
        type=float,
        default=0.5,
        metavar="P",
        help="share of same-person pairs that the probabilities hold for (default 0.5: as likely as not beforehand)",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="calibration.json and two plots")
    parser.add_argument("--write", action="store_true", help="write it into MODEL too (an .onnx file), for `/search`")


def run(arguments: argparse.Namespace) -> None:
    """Writes DIR/calibration.json, reliability.png and roc.png, and the contract of MODEL where asked."""
    if arguments.write and arguments.model.suffix != ".onnx":
        raise ValueError(
            f"--write needs an .onnx file, not {arguments.model}; export the checkpoint, then calibrate that"
        )
    dataset = load_dataset(arguments.dataset, arguments.data)
    model = model_of(arguments)
    chosen = validation_split(dataset, arguments.split, arguments.held_out, model.training_data)
    for doubt in (SEEN_IN_TRAINING, UNCONFIRMED, NOT_INDEPENDENT):
        if doubt in chosen.source:
            print(f"warning: calibrating on the {chosen.source}", file=sys.stderr)
    shown = f"embedding {len(chosen.records):,} crops"
    features = extract(model, chosen.records, model.spec, batch_size=arguments.batch_size, progress=shown)
    embedded = Embedded(chosen.records, features)
    validated = calibrate(embedded, match_share=arguments.match_share, source=chosen.source)
    _write(arguments.output, model.name, validated)
    if arguments.write:
        write_calibration(arguments.model, validated.calibration)
    print(_summary(validated))


def _write(folder: Path, model: str, validated: Validated) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    body = {
        "model": model,
        **dataclasses.asdict(validated.calibration),
        "same_person_pairs": int(validated.pairs.same.sum()),
        "different_person_pairs": int(validated.pairs.different.sum()),
        "expected_calibration_error": round(validated.held.error, 4),
    }
    (folder / "calibration.json").write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    save(draw_reliability(validated.calibration, validated.pairs, validated.held), folder / "reliability.png")
    save(draw_roc(validated.pairs, validated.calibration.thresholds), folder / "roc.png")


def _summary(validated: Validated) -> str:
    calibration: Calibration = validated.calibration
    lines = [
        f"{calibration.source}: {validated.pairs.same.sum():,} pairs of one person, "
        f"{validated.pairs.different.sum():,} of two",
        f"expected calibration error on persons not fitted on: {validated.held.error:.3f}",
        "",
        "| false-match rate | cosine from | true-match rate | probability there |",
        "| --: | --: | --: | --: |",
    ]
    for threshold in calibration.thresholds:
        probability = float(calibration.probability(threshold.score))
        lines.append(
            f"| {threshold.false_match_rate:g} | {threshold.score:.4f} | {threshold.true_match_rate:.1%} | "
            f"{probability:.1%} |"
        )
    left_out = len(FALSE_MATCH_RATES) - len(calibration.thresholds)
    if left_out:
        lines.append(f"({left_out} lower false-match rates left out: too few pairs of two persons decide on them)")
    return "\n".join(lines)
