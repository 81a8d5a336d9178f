"""`python -m training.data.synthetic OUT …`: draws a data set of pedestrians."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.progress import Progress

from training.data.synthetic.dataset import draw_dataset


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status; bad input ends in one line and status 1."""
    parsed = _parser().parse_args(arguments)
    try:
        with Progress(transient=True) as bar:
            task = bar.add_task("drawing", total=None)
            count = draw_dataset(
                parsed.out,
                parsed.people,
                parsed.cameras,
                parsed.sightings,
                parsed.seed,
                train_share=parsed.train_share,
                queries_per_person=parsed.queries,
                height=parsed.height,
                width=parsed.width,
                progress=lambda done, of: bar.update(task, completed=done, total=of),
            )
    except KeyboardInterrupt:
        print(f"stopped; the same command draws {parsed.out} anew", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{count} crops of {parsed.people} drawn people on {parsed.cameras} cameras in {parsed.out}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.data.synthetic",
        description="Draw a data set of pedestrians who do not exist, with true key points.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("out", type=Path, help="folder to write; train/, query/, gallery/ and manifest.jsonl go there")
    parser.add_argument("--people", type=int, default=60, help="how many people")
    parser.add_argument("--cameras", type=int, default=6, help="how many cameras")
    parser.add_argument("--sightings", type=int, default=10, help="crops of each person, queries aside")
    parser.add_argument("--queries", type=int, default=1, help="half-hidden queries for each person")
    parser.add_argument("--train-share", type=float, default=0.5, help="share of the people who are in train/ only")
    parser.add_argument("--height", type=int, default=256, help="pixels")
    parser.add_argument("--width", type=int, default=128, help="pixels")
    parser.add_argument("--seed", type=int, default=1, help="the same seed draws the same pixels")
    return parser


if __name__ == "__main__":
    sys.exit(main())
