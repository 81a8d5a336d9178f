"""Draw what a model sees and finds: feature responses (Fig. 4), rankings, channel groups by body part, curves."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from reid_contract import PreprocessSpec
from training.commands.model_arguments import add_data_arguments, add_model_arguments, model_of
from training.curves import draw_curves
from training.data.datasets import load_dataset
from training.data.records import Record
from training.evaluation.checkpoint_model import CheckpointModel
from training.evaluation.evaluation import embed_dataset, evaluate
from training.evaluation.extract import crops
from training.evaluation.part_answers import group_responses, part_answers
from training.evaluation.pictures.parts import draw_group_responses, draw_part_answers
from training.evaluation.pictures.ranking import draw_ranking, pick
from training.evaluation.pictures.responses import draw_responses, feature_maps
from training.evaluation.plots.style import save
from training.pose.estimators import ESTIMATORS, load_estimator
from training.run_folder import RunFolder

_SHOWN_PARTS = 4  # rows of crops in the picture of channel groups; the plot is over all
_POSE_INPUT = PreprocessSpec(256, 128)  # the model may look at crops too small for a pose estimator


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares one subcommand for each picture."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="WHAT")
    responses = kinds.add_parser("responses", help="where a model's features respond, beside the Baseline's (Fig. 4)")
    add_model_arguments(responses)
    responses.add_argument("--baseline", type=Path, metavar="CHECKPOINT", help="a second model, drawn above")
    _add_selection(responses, "crops of the query split", 8)
    _add_seed(responses)
    ranking = kinds.add_parser("ranking", help="queries and their first matches, right ones framed green")
    add_model_arguments(ranking)
    ranking.add_argument("--top", type=int, default=10, metavar="K", help="gallery crops for each query (default 10)")
    ranking.add_argument(
        "--hardest", action="store_true", help="the worst queries (default: spread from best to worst)"
    )
    _add_selection(ranking, "queries", 6)
    parts = kinds.add_parser("parts", help="which channel group answers to which body part")
    add_model_arguments(parts)
    parts.add_argument("--estimator", default="movenet", choices=ESTIMATORS, help="of key points (default: movenet)")
    parts.add_argument("--estimator-weights", type=Path, metavar="FILE", help="its checkpoint; needed for HRNet")
    _add_selection(parts, "crops of the query split", 200)
    _add_seed(parts)
    curves = kinds.add_parser("curves", help="the losses and accuracies of a training run")
    curves.add_argument("run", type=Path, metavar="RUN", help="the folder that `fit` wrote")
    curves.add_argument("--output", required=True, type=Path, metavar="FILE", help="the picture, a PNG")


def run(arguments: argparse.Namespace) -> None:
    """Writes the picture, and prints where."""
    for name in ("count", "top"):
        if getattr(arguments, name, 1) < 1:
            raise ValueError(f"--{name} is {getattr(arguments, name)}; allowed: 1 or more")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    files = {"responses": _responses, "ranking": _ranking, "parts": _parts, "curves": _curves}[arguments.kind](
        arguments
    )
    print("\n".join(str(file) for file in files))


def _responses(arguments: argparse.Namespace) -> list[Path]:
    records = _sample(arguments)
    models = {"Baseline": _checkpoint(arguments, arguments.baseline)} if arguments.baseline else {}
    draw_responses(models | {"PGFL-KD": _checkpoint(arguments, arguments.model)}, records).save(arguments.output)
    return [arguments.output]


def _ranking(arguments: argparse.Namespace) -> list[Path]:
    dataset = load_dataset(arguments.dataset, arguments.data)
    query, gallery = embed_dataset(model_of(arguments), dataset, batch_size=arguments.batch_size, progress=True)
    evaluation = evaluate(query, gallery, top=arguments.top, progress=True)
    chosen = pick(evaluation, arguments.count, hardest=arguments.hardest)
    draw_ranking(query, gallery, evaluation, chosen).save(arguments.output)
    return [arguments.output]


@torch.inference_mode()
def _parts(arguments: argparse.Namespace) -> list[Path]:
    """Two files: the plot over all chosen crops, and beside it the responses on the first few."""
    records, model = _sample(arguments), _checkpoint(arguments, arguments.model)
    pose = load_estimator(arguments.estimator, arguments.estimator_weights).network.to(model.device)
    pixels = (torch.from_numpy(batch).permute(0, 3, 1, 2).to(model.device) for batch in crops(records, _POSE_INPUT))
    heatmaps = torch.cat([pose(batch).cpu() for batch in pixels])
    responses = group_responses(feature_maps(model, records))
    answers = part_answers(responses, heatmaps)
    if answers.isnan().all():
        raise ValueError(f"{arguments.estimator} found no key point on {len(records)} crops; a larger --count may help")
    title = f"{arguments.dataset}, {len(records)} crops"
    save(draw_part_answers(answers.numpy(), title), arguments.output)
    groups = arguments.output.with_stem(f"{arguments.output.stem}-crops")
    draw_group_responses(records[:_SHOWN_PARTS], responses[:_SHOWN_PARTS]).save(groups)
    return [arguments.output, groups]


def _curves(arguments: argparse.Namespace) -> list[Path]:
    draw_curves(RunFolder(arguments.run, resume=True).log(), arguments.output)
    return [arguments.output]


def _add_selection(parser: argparse.ArgumentParser, what: str, count: int) -> None:
    add_data_arguments(parser)
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="the picture, such as a .png")
    parser.add_argument("--count", type=int, default=count, metavar="N", help=f"how many {what} (default {count})")


def _add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="of the lot by which the crops are drawn (default 0)")


def _sample(arguments: argparse.Namespace) -> Sequence[Record]:
    """Crops of the query split: those are the occluded ones. Raises ValueError where there are none."""
    records = load_dataset(arguments.dataset, arguments.data).query
    if not records:
        raise ValueError(f"data set {arguments.dataset!r} has no crops in its query split; nothing to draw")
    random = np.random.default_rng(arguments.seed)
    chosen = random.choice(len(records), min(arguments.count, len(records)), replace=False)
    return [records[i] for i in sorted(chosen)]


def _checkpoint(arguments: argparse.Namespace, file: Path) -> CheckpointModel:
    """Feature maps are inside a checkpoint only. Raises ValueError, OSError."""
    if file.suffix in (".onnx", ".xml"):
        raise ValueError(f"{file} gives embeddings only; its feature map is in the checkpoint it was exported from")
    return CheckpointModel(file, device=arguments.device, threads=arguments.threads)
