"""Exact answers from estimates: the coarse stage proposes, the embeddings decide, and the search widens until sure.

The re-ranked candidates show how far off this query's estimates are. An entry that was not proposed has an estimate
below the last candidate's; when that, plus SURE times the spread of the errors seen, does not reach the last answer's
exact cosine, nothing that was left out belongs among the answers.
"""

from __future__ import annotations

import numpy as np

from gallery_index.coarse import Coarse
from gallery_index.scan import Hits, Mask, Scores, sorted_hits
from gallery_index.types import Embedding
from gallery_index.vectors import Slots

OVERSAMPLE = 16  # candidates for each answer, at first
LEAST = 192  # candidates at first, whatever was asked for
WIDEN = 4  # times more candidates in each further round
SURE = 4.5  # standard deviations; those of chosen candidates are a little smaller than those of all entries


def two_stage(
    coarse: Coarse, rows: Embedding, queries: Embedding, count: int, allowed: Mask, *, share: float, limit: int
) -> list[Hits | None]:
    """The best `count` of rows[allowed] for each query; None where `limit` candidates are not enough to be sure.

    share: of the coarse stage's entries that are allowed; so many more must be proposed.
    """
    answers: list[Hits | None] = [None] * len(queries)
    candidates = max(OVERSAMPLE * count, LEAST)
    unsure = list(range(len(queries)))
    while unsure and candidates <= limit:
        proposed, estimates = coarse.search(queries[unsure], int(candidates / share))
        for i, slots, estimate in zip(unsure, proposed, estimates, strict=True):
            answers[i] = _decide(rows, queries[i], slots, estimate, allowed=allowed, count=count)
        unsure = [i for i in unsure if answers[i] is None]
        candidates *= WIDEN
    return answers


def _decide(
    rows: Embedding, query: Embedding, slots: Slots, estimates: Scores, *, allowed: Mask, count: int
) -> Hits | None:
    keep = allowed[slots]
    chosen = slots[keep]
    if len(chosen) < count:
        return None
    exact = rows[chosen] @ query
    spread = float(np.std(estimates[keep] - exact))
    hits = sorted_hits(chosen, exact, count)
    return hits if estimates[-1] + SURE * spread <= hits.scores[-1] else None
