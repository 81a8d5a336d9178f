"""`python -m benchmarks.page docs/benchmarks.md`: writes the page out of template.md and the committed result files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from string import Template

from benchmarks.page.answer import BATCHES, ONE_CORE, POSE, answer, choice, elsewhere, measured_memory, memory, targets
from benchmarks.page.gpu import gpu
from benchmarks.page.results import load, source
from benchmarks.page.sections import others, quick, rivals, serving
from benchmarks.pose_at_test.report import batch_table, gallery_table, growth_table, query_table

TEMPLATE = Path(__file__).with_name("template.md")


def page() -> str:
    """All of docs/benchmarks.md."""
    pose = load(POSE)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        answer(),
        choice=choice(),
        memory=memory(),
        measured_memory=measured_memory(),
        targets=targets(),
        elsewhere=elsewhere(),
        query_table=query_table(pose),
        gallery_table=gallery_table(pose),
        growth_table=growth_table(pose),
        batch_table=batch_table(load(BATCHES)),
        batch_source=source(load(BATCHES), BATCHES),
        pose_source=source(pose, POSE),
        one_core_source=source(load(ONE_CORE), ONE_CORE),
        gpu=gpu(),
        serving=serving(),
        rivals=rivals(),
        others=others(),
        quick=quick(),
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("file", type=Path, help="where the page goes: docs/benchmarks.md")
    parser.parse_args().file.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
