"""What a search asks for beyond the nearest entries: fusing, grouping, a least score, re-ranking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gallery_index.errors import InvalidRequest
from gallery_index.rerank import rerank
from gallery_index.scan import Hits, sorted_hits
from gallery_index.types import Embedding, Fusion
from gallery_index.validation import MAX_RERANK_K
from gallery_index.vectors import Slots

# (queries (Q, D), count) -> the exact best `count` of each query, fewer only where no more are allowed
Nearest = Callable[[Embedding, int], list[Hits]]
# slots -> who is in them; an entry without a person is None
Persons = Callable[[list[int]], dict[int, str | None]]

# slots (N,) -> their embeddings (N, D)
Rows = Callable[[Slots], Embedding]


@dataclass(frozen=True, slots=True)
class Request:
    """k: 1 or more. min_score: a cosine. excluded: a slot that is no answer. The rest as in Gallery.search."""

    k: int
    min_score: float
    group_by_person: bool
    fuse: Fusion | None
    rerank: bool
    excluded: int | None = None


def find(request: Request, queries: Embedding, nearest: Nearest, persons: Persons, rows: Rows) -> list[Hits]:
    """The answers of each query, or of the one track: at most k hits, best first."""
    if request.fuse == "mean":
        queries = _mean(queries)
    tracks = [queries] if request.fuse == "best" else list(queries[:, None])
    wanted = MAX_RERANK_K if request.rerank else request.k
    answers: list[Hits | None] = [None] * len(tracks)
    while any(answer is None for answer in answers):
        open_tracks = [i for i, answer in enumerate(answers) if answer is None]
        more = wanted + (request.excluded is not None)
        found = iter(nearest(np.concatenate([tracks[i] for i in open_tracks]), more))
        for i in open_tracks:
            hits = _without(request.excluded, _fused([next(found) for _ in tracks[i]], more))
            exhausted = len(hits.slots) < wanted or hits.scores[-1] < request.min_score
            chosen = _choose(request, hits, persons, rows)
            if exhausted or len(chosen.slots) == request.k:
                answers[i] = chosen
        wanted *= 4  # one person may fill all the first places
    return [answer for answer in answers if answer is not None]


def _mean(queries: Embedding) -> Embedding:
    mean = queries.mean(axis=0, dtype=np.float64)
    length = float(np.linalg.norm(mean))
    if length < 1e-6:
        raise InvalidRequest("the queries' mean has length 0; allowed with fuse=mean: crops of one person")
    return np.asarray(mean / length, np.float32)[None]


def _fused(hits: list[Hits], count: int) -> Hits:
    """Each entry with its best score over the queries. An entry among the best `count` is so for one of them."""
    if len(hits) == 1:
        return hits[0]
    slots, place = np.unique(np.concatenate([h.slots for h in hits]), return_inverse=True)
    scores = np.full(len(slots), -np.inf, np.float32)
    np.maximum.at(scores, place, np.concatenate([h.scores for h in hits]))
    return sorted_hits(slots, scores, count)


def _without(slot: int | None, hits: Hits) -> Hits:
    keep = hits.slots != slot
    return hits if keep.all() else Hits(hits.slots[keep], hits.scores[keep])


def _choose(request: Request, hits: Hits, persons: Persons, rows: Rows) -> Hits:
    if request.rerank and len(hits.slots) > 1:
        order = np.arange(len(hits.slots))
        order[:MAX_RERANK_K] = rerank(hits.scores[:MAX_RERANK_K], rows(hits.slots[:MAX_RERANK_K]))
        hits = Hits(hits.slots[order], hits.scores[order])
    keep = hits.scores >= request.min_score
    if request.group_by_person:
        keep &= _first_of_each(hits, persons)
    places = np.flatnonzero(keep)[: request.k]
    return Hits(hits.slots[places], hits.scores[places])


def _first_of_each(hits: Hits, persons: Persons) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    slots = hits.slots.tolist()
    person_of = persons(slots)
    seen: set[str] = set()
    first = np.ones(len(slots), bool)
    for i, slot in enumerate(slots):
        person = person_of[slot]
        if person is not None:
            first[i] = person not in seen
            seen.add(person)
    return first
