"""The loops that the evaluator is compared with; each gives mean average precision and Rank-1 of its queries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import Labels

Scores = NDArray[np.float32]


def plain_loop(scores: Scores, query: Labels, gallery: Labels) -> tuple[float, float]:
    """The definition: one query and one crop at a time, in Python."""
    precisions, firsts = [], []
    ids, cameras = gallery.ids.tolist(), gallery.cameras.tolist()
    for row, person, camera in zip(scores.tolist(), query.ids.tolist(), query.cameras.tolist(), strict=True):
        rank, found = 0, []
        for crop in sorted(range(len(row)), key=lambda j: -row[j]):
            if ids[crop] == person and cameras[crop] == camera:
                continue
            rank += 1
            if ids[crop] == person:
                found.append((len(found) + 1) / rank)
        if found:
            precisions.append(sum(found) / len(found))
            firsts.append(found[0] == 1)
    return 100 * float(np.mean(precisions)), 100 * float(np.mean(firsts))


def array_loop(scores: Scores, query: Labels, gallery: Labels) -> tuple[float, float]:
    """The customary form: all rows sorted by index, then numpy on one query after another."""
    order = np.argsort(-scores, axis=1, kind="stable")
    precisions, firsts = [], []
    for row, person, camera in zip(order, query.ids, query.cameras, strict=True):
        kept = row[(gallery.ids[row] != person) | (gallery.cameras[row] != camera)]
        hit = gallery.ids[kept] == person
        if hit.any():
            at = np.cumsum(hit) / np.arange(1, len(hit) + 1)
            precisions.append((at * hit).sum() / hit.sum())
            firsts.append(bool(hit[0]))
    return 100 * float(np.mean(precisions)), 100 * float(np.mean(firsts))
