"""Options that all commands share which look at a model's embeddings of a data set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from training.data.datasets import DATASETS
from training.devices import usable_device
from training.evaluation.embedder import Embedder, open_model


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model, and what it runs on."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="a checkpoint, an exported .onnx or an OpenVINO .xml")
    parser.add_argument("--batch-size", type=int, default=32, metavar="N", help="crops at a time (default 32)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="of the runtime (default: its choice)")
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=default, help="of checkpoints, in torch's words (default %(default)s)")


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Which data set."""
    parser.add_argument("--dataset", required=True, metavar="NAME", help=", ".join(DATASETS))
    parser.add_argument("--data", required=True, type=Path, metavar="ROOT", help="where the data set lies")


def model_of(arguments: argparse.Namespace, **more: Any) -> Embedder:
    """Opens the model. Raises ValueError or OSError."""
    for name in ("batch_size", "threads"):
        least = 1 if name == "batch_size" else 0
        if getattr(arguments, name) < least:
            raise ValueError(f"--{name.replace('_', '-')} is {getattr(arguments, name)}; allowed: {least} or more")
    usable_device(arguments.device)
    return open_model(arguments.model, device=arguments.device, threads=arguments.threads, **more)
