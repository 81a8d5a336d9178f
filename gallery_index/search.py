"""What a search asks for beyond the nearest entries: fusing, grouping, a least score, re-ranking."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gallery_index.errors import InvalidRequest
from gallery_index.rerank import rerank
from gallery_index.scan import Hits, Mask, sorted_hits
from gallery_index.types import Embedding, Fusion
from gallery_index.validation import MAX_RERANK_K
from gallery_index.vectors import Slots

# (queries (Q, D), count) -> the exact best `count` of each query, fewer only where no more are allowed
Nearest = Callable[[Embedding, int], list[Hits]]
# slots -> who is in them; an entry without a person is None
Persons = Callable[[list[int]], dict[int, str | None]]

# slots (N,) -> their embeddings (N, D)
Rows = Callable[[Slots], Embedding]

Places = NDArray[np.intp]

RERANKED_AT_ONCE = 16  # queries: 26 MB of embeddings at 2048 dimensions


@dataclass(frozen=True, slots=True)
class Request:
    """k: 1 or more. min_score: a cosine. The rest as in Gallery.search."""

    k: int
    min_score: float
    group_by_person: bool
    fuse: Fusion | None
    rerank: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What one query has found. rows: embeddings (M, D) of the first M hits, which are re-ranked; None: it is final."""

    hits: Hits
    rows: Embedding | None = None


def batches(request: Request, queries: Embedding) -> Iterator[Embedding]:
    """The queries, as many together as may be: where they are re-ranked, the embeddings of each are copied."""
    step = RERANKED_AT_ONCE if request.rerank and request.fuse is None else len(queries)
    for begin in range(0, len(queries), step):
        yield queries[begin : begin + step]


def all_but(slot: int, nearest: Nearest) -> Nearest:
    """The nearest apart from one entry."""

    def others(queries: Embedding, count: int) -> list[Hits]:
        return [_at(hits, np.flatnonzero(hits.slots != slot)[:count]) for hits in nearest(queries, count + 1)]

    return others


def find(request: Request, queries: Embedding, nearest: Nearest, persons: Persons, rows: Rows) -> list[Found]:
    """For `answer`, of each query or of the one track: all that needs the gallery to stay as it is meanwhile."""
    if request.fuse == "mean":
        queries = _mean(queries)
    tracks = [queries] if request.fuse == "best" else list(queries[:, None])
    wanted = MAX_RERANK_K if request.rerank else request.k
    answers: list[Found | None] = [None] * len(tracks)
    while open_tracks := [i for i, done in enumerate(answers) if done is None]:
        found = iter(nearest(np.concatenate([tracks[i] for i in open_tracks]), wanted))
        for i in open_tracks:
            hits = _fused([next(found) for _ in tracks[i]], wanted)
            exhausted = len(hits.slots) < wanted or hits.scores[-1] < request.min_score
            places = _places(request, hits, persons)
            if exhausted or len(places) == request.k:
                answers[i] = _found(request, hits, places, rows)
        wanted *= 4  # one person may fill all the first places
    return [done for done in answers if done is not None]


def answer(request: Request, found: Found, persons: Persons) -> Hits:
    """The answer of one query: at most k hits, best first. Re-ranking takes long; nobody has to wait for it."""
    if found.rows is None:
        return found.hits
    order = np.arange(len(found.hits.slots))  # what is behind the re-ranked keeps its order
    order[: len(found.rows)] = rerank(found.hits.scores[: len(found.rows)], found.rows)
    hits = _at(found.hits, order)
    return _at(hits, _places(request, hits, persons))


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


def _found(request: Request, hits: Hits, places: Places, rows: Rows) -> Found:
    """places: of the answer, were it not re-ranked."""
    if not request.rerank or len(hits.slots) < 2:
        return Found(_at(hits, places))
    top = np.arange(min(MAX_RERANK_K, len(hits.slots)))  # the work grows with the square
    return Found(_at(hits, np.union1d(top, places)), rows(hits.slots[top]))


def _places(request: Request, hits: Hits, persons: Persons) -> Places:
    """Where among the hits the first k answers are. min_score first: it must not cost a person whose next is better."""
    places = np.flatnonzero(hits.scores >= request.min_score)
    if request.group_by_person:
        places = places[_first_of_each(hits.slots[places].tolist(), persons)]
    return places[: request.k]


def _at(hits: Hits, places: Places) -> Hits:
    return Hits(hits.slots[places], hits.scores[places])


def _first_of_each(slots: list[int], persons: Persons) -> Mask:
    person_of = persons(slots)
    seen: set[str] = set()
    first = np.ones(len(slots), bool)
    for i, slot in enumerate(slots):
        person = person_of[slot]
        if person is not None:
            first[i] = person not in seen
            seen.add(person)
    return first
