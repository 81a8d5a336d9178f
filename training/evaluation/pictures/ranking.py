"""What a query finds: the query, and the first gallery crops, framed green where it is the same person, else red."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.evaluation.evaluation import Embedded, Evaluation
from training.evaluation.pictures.responses import shown
from training.evaluation.pictures.sheet import GREEN, GREY, RED, Cell, sheet


def draw_ranking(query: Embedded, gallery: Embedded, evaluation: Evaluation, queries: Sequence[int]) -> Image.Image:
    """One row for each of `queries` (positions in the query split); as many crops as `evaluation` has kept."""
    rows, titles = [], []
    for position in queries:
        record, found = query.records[position], [int(i) for i in evaluation.top[position] if i >= 0]
        cosines = gallery.features[found] @ query.features[position]
        row = [Cell(shown(record), f"camera {record.camera_id}", GREY)]
        for place, cosine in zip(found, cosines, strict=True):
            match = gallery.records[place]
            right = match.person_id == record.person_id
            row.append(Cell(shown(match), f"{cosine:.2f}", GREEN if right else RED))
        rows.append(row)
        titles.append(f"AP {evaluation.results.average_precision[position]:.2f}")
    columns = ["query", *(str(rank) for rank in range(1, max(map(len, rows))))]
    note = "Green: the same person on another camera. Red: somebody else. Under each crop: its cosine to the query."
    return sheet(rows, titles=titles, columns=columns, note=note)


def pick(evaluation: Evaluation, count: int, *, hardest: bool) -> list[int]:
    """Positions of `count` queries that have a match, by average precision: the lowest, or spread from best to worst.

    Spread, so that nobody can pick the ones that look well."""
    valid: NDArray[np.int64] = np.flatnonzero(evaluation.results.matches > 0)
    worst_first = valid[np.argsort(evaluation.results.average_precision[valid], kind="stable")]
    if hardest:
        return [int(i) for i in worst_first[:count]]
    places = np.linspace(len(valid) - 1, 0, min(count, len(valid))).round().astype(int)
    return [int(i) for i in worst_first[places]]
