"""Exact answers from estimates: the coarse stage proposes, the embeddings decide, and the search widens until sure.

The re-ranked candidates show how far off this query's estimates are. An entry that was not proposed has an estimate
of no more than is told; when that, plus SURE times the spread of the errors seen, does not reach the last answer's
exact cosine, nothing that was left out belongs among the answers. Where it does reach it, the fall of the estimates
foretells how many candidates would be enough, so that a query without near neighbours is soon left to a scan.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gallery_index.coarse import Coarse, Proposed
from gallery_index.scan import Hits, Mask, Scores, cosines, sorted_hits
from gallery_index.types import Embedding

OVERSAMPLE = 16  # candidates for each answer, at first
LEAST = 192  # candidates at first, whatever was asked for
WIDEN = 2  # times more candidates in each further round, at least
LEAP = 8  # times more in a last try of a single query: no estimate foretells the cliff behind one person's many crops
LEAST_SPREAD = (
    0.75  # of an estimate's error, times sqrt((1 - cosine²) / (D - 1)): RaBitQ's own (arXiv:2405.12497, sec. 3.2)
)
SURE = 5  # standard deviations; of errors that are near normal (rotation.py), three in ten million are larger
PILOT, ENOUGH = 8, 6  # so many of a batch's queries are tried first; where fewer are sure, a scan of all costs less


class _Decision(NamedTuple):
    """hits: None where one cannot be sure. needed: candidates that would probably do."""

    hits: Hits | None
    needed: float


def two_stage(
    coarse: Coarse, rows: Embedding, queries: Embedding, count: int, allowed: Mask, *, share: float, limit: int
) -> list[Hits | None]:
    """The best `count` of rows[allowed] for each query; None where `limit` candidates are not enough to be sure.

    share: of the coarse stage's entries that are allowed; so many more must be proposed.
    """
    answers: list[Hits | None] = [None] * len(queries)
    first = max(OVERSAMPLE * count, LEAST)
    if first > limit:
        return answers

    def decide(chosen: list[int], candidates: int) -> dict[int, int]:
        """Fills in what is sure; returns the candidates needed for each other query that is worth widening for."""
        needed = {}
        proposed = coarse.search(queries[chosen], int(candidates / share))
        for place, i in enumerate(chosen):
            of_query = Proposed(*(part[place] for part in proposed))
            answers[i], wanted = _decide(rows, queries[i], of_query, allowed=allowed, count=count)
            if answers[i] is None and (wider := max(WIDEN * candidates, wanted * share)) <= limit:
                needed[i] = int(wider)
        return needed

    pilot = list(range(len(queries)))[:: -(-len(queries) // PILOT)]
    needed = decide(pilot, first)
    if rest := [i for i in range(len(queries)) if i not in pilot]:
        if sum(answers[i] is not None for i in pilot) < ENOUGH / PILOT * len(pilot):
            return answers
        needed |= decide(rest, first)
    if len(queries) == 1 and answers[0] is None and not needed and LEAP * first <= limit:
        decide([0], LEAP * first)
    while needed:
        needed = decide(list(needed), max(needed.values()))
    return answers


def _decide(rows: Embedding, query: Embedding, proposed: Proposed, *, allowed: Mask, count: int) -> _Decision:
    """A quarter of the embeddings is enough for an easy query; reading them is what costs beside the coarse stage."""
    slots, estimates, floor, doubt = proposed
    keep = allowed[slots]
    chosen, close = slots[keep], estimates[keep]
    if len(chosen) < count:
        return _Decision(None, 0)
    exact = np.empty(len(chosen), np.float32)
    begin, missing = 0, math.inf
    for end in (max(len(chosen) // part, count) for part in (4, 2, 1)):
        exact[begin:end] = cosines(rows, query, chosen[begin:end])
        hits = sorted_hits(chosen[:end], exact[:end], count)
        last = float(hits.scores[-1])
        spread = max(_spread(close[:end] - exact[:end]), _least_spread(last, rows.shape[1]))
        left_out = floor if end == len(chosen) else max(floor, close[end])
        missing = float(left_out - (last - SURE * math.hypot(spread, doubt)))
        if missing <= 0:
            return _Decision(hits, 0)
        begin = end
    return _Decision(None, _needed(estimates, missing))


def _spread(errors: Scores) -> float:
    """Their standard deviation; numpy's own takes three times as long for so few."""
    centred = errors - errors.sum() / len(errors)
    return math.sqrt(centred @ centred / len(errors))


def _least_spread(cosine: float, dim: int) -> float:
    """Of the errors of entries that are as near as `cosine` or nearer, and were left out.

    What was seen may be less: a person's many crops, nearly the same, have nearly the same error."""
    return LEAST_SPREAD * math.sqrt(max(0.0, 1 - cosine * cosine) / max(1, dim - 1))


def _needed(estimates: Scores, missing: float) -> float:
    """So many candidates until the estimates have fallen by `missing` more, if they go on as they fell so far."""
    fall = float(estimates[len(estimates) // 2] - estimates[-1])  # while the candidates doubled
    return len(estimates) * 2 ** (missing / fall) if missing < 50 * fall else math.inf
