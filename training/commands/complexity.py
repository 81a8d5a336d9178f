"""Count multiply-accumulates and parameters of each test feature, the pose net included (Table 8)."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from training.config import TrainConfig
from training.evaluation.complexity import (
    OCCLUDED_DUKE_IDENTITIES,
    PAPER,
    POSE_NET,
    Cost,
    feature_costs,
    table_8_reading,
)
from training.model.pgflkd import Feature
from training.presets import preset

_TITLES = {"g": "f_G, deployed", "e": "f_E", "p": "f_P", "v": "f_V", "f": "f_F"}
_PAPER_SIZE = (384, 128)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--preset", choices=("paper", "compact"), default="paper", help="the network (default: paper)")
    parser.add_argument("--backbone", metavar="NAME", help="another backbone, by timm's name")
    parser.add_argument("--height", type=int, metavar="PIXELS", help="of the crop (default: the preset's)")
    parser.add_argument("--width", type=int, metavar="PIXELS", help="of the crop (default: the preset's)")
    parser.add_argument(
        "--separate-part-stage", action="store_true", help="FEB and SAB have a last stage of their own, as in Table 8"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts there")


def run(arguments: argparse.Namespace) -> None:
    """Prints Table 8 with the paper's figures beside ours, and where the paper's figures for f_G come from."""
    config = _config(arguments)
    size = (config.height, config.width)
    costs = feature_costs(config.model, size, OCCLUDED_DUKE_IDENTITIES)
    papers = config.model.backbone == "resnet50" and size == _PAPER_SIZE
    reading = table_8_reading() if papers else None
    print(_table(costs, f"{config.model.backbone}, {size[0]}×{size[1]}", with_paper=papers))
    if reading:
        print(f"\n{_finding(costs['g'], reading)}")
    if arguments.json:
        body = {
            "backbone": config.model.backbone,
            "height": size[0],
            "width": size[1],
            "pose_net": POSE_NET,
            "features": {feature: dataclasses.asdict(cost) for feature, cost in costs.items()},
            "table_8_reading": dataclasses.asdict(reading) if reading else None,
        }
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _config(arguments: argparse.Namespace) -> TrainConfig:
    config = preset(arguments.preset)
    model = dataclasses.replace(
        config.model,
        backbone=arguments.backbone or config.model.backbone,
        weights="none",
        separate_part_stage=arguments.separate_part_stage or config.model.separate_part_stage,
    )
    size = {name: getattr(arguments, name) or getattr(config, name) for name in ("height", "width")}
    for name, pixels in size.items():
        if pixels < 32 or pixels % 32:
            raise ValueError(f"--{name} is {pixels}; allowed: multiples of 32, as the pose net needs them")
    return dataclasses.replace(config, model=model, growth=(), **size)


def _table(costs: dict[Feature, Cost], title: str, *, with_paper: bool) -> str:
    """One row for each feature; the paper's figures beside where they are of the same network and size."""
    head = [title, "GMACs", "M parameters", *(["the paper's G", "the paper's M"] if with_paper else [])]
    rows = [head, ["---", *["--:"] * (len(head) - 1)]]
    for feature, cost in costs.items():
        name = _TITLES[feature] if feature == "g" else f"{_TITLES[feature]}, with {POSE_NET}"
        paper = [f"{value:.2f}" for value in PAPER[feature]] if with_paper else []
        rows.append([name, f"{cost.gmacs:.2f}", f"{cost.parameters:.2f}", *paper])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _finding(deployed: Cost, reading: Cost) -> str:
    """The paper's figures for f_G are not those of what it deploys."""
    giga, mega = PAPER["g"]
    return (
        f"The paper gives f_G {giga} G and {mega} M. The main branch, which is all that f_G needs, has "
        f"{deployed.gmacs:.2f} G and {deployed.parameters:.2f} M.\nWith a second last stage and one "
        f"{OCCLUDED_DUKE_IDENTITIES}-way classifier it has {reading.gmacs:.2f} G and {reading.parameters:.2f} M: the "
        "paper's figures count both, and f_G needs neither in the test."
    )
