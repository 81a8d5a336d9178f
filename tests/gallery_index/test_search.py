"""Grouping, least scores and re-ranking together, over the simplest thing that knows the nearest."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery_index.scan import Hits, sorted_hits
from gallery_index.search import Request, all_but, answer, find

DIM = 8


class Crowd:
    """Entries (N, DIM) in the slots 0, 1, 2…, a few to each of `people`."""

    def __init__(self, count: int, people: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.person = rng.integers(0, people, count)
        rows = rng.standard_normal((people, DIM))[self.person] + 0.7 * rng.standard_normal((count, DIM))
        self.rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        self.query = self.rows[:1]

    def nearest(self, queries: np.ndarray, count: int) -> list[Hits]:
        return [sorted_hits(np.arange(len(self.rows)), scores, count) for scores in queries @ self.rows.T]

    def persons(self, slots: list[int]) -> dict[int, str | None]:
        return {slot: f"p{self.person[slot]}" for slot in slots}

    def by_person(self, k: int, least: float, *, rerank: bool) -> Hits:
        request = Request(k, least, group_by_person=True, fuse=None, rerank=rerank)
        (found,) = find(request, self.query, self.nearest, self.persons, self.rows.__getitem__)
        return answer(request, found, self.persons)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 700),
    people=st.integers(1, 60),
    seed=st.integers(0, 10_000),
    k=st.integers(1, 200),
    least=st.sampled_from([-1.0, 0.0, 0.5]),
)
def test_re_ranking_by_person_leaves_out_nobody(count: int, people: int, seed: int, k: int, least: float) -> None:
    crowd = Crowd(count, people, seed)
    plain, lifted = (crowd.by_person(k, least, rerank=rerank) for rerank in (False, True))
    assert len(lifted.slots) == len(plain.slots)
    assert len(set(crowd.person[lifted.slots])) == len(lifted.slots)
    assert (lifted.scores >= least).all()
    np.testing.assert_allclose(lifted.scores, crowd.rows[lifted.slots] @ crowd.query[0], atol=1e-5)


@given(count=st.integers(1, 40), wanted=st.integers(1, 50), slot=st.integers(0, 50))
def test_all_but_one_are_the_nearest_without_it(count: int, wanted: int, slot: int) -> None:
    crowd = Crowd(count, 5, seed=count)
    (everyone,) = crowd.nearest(crowd.query, count)
    (others,) = all_but(slot, crowd.nearest)(crowd.query, wanted)
    assert others.slots.tolist() == [s for s in everyone.slots.tolist() if s != slot][:wanted]
