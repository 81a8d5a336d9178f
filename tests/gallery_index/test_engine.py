"""The two-stage search against the exact scan: the same answers over shards, reused slots, filters and hard queries."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest

from gallery_index.coarse import Coarse, Proposed
from gallery_index.engine import Engine
from gallery_index.rerank import rerank
from gallery_index.rotation import rotated
from gallery_index.scan import cosines, scan_mask, scan_slots
from gallery_index.shard import GROWTH, SHARD, Found, Shard
from gallery_index.signs import BLOCK, asked, missing
from gallery_index.threads import faiss_threads
from gallery_index.tuning import Tuning
from gallery_index.twostage import LEAP, LEAST, PILOT, two_stage
from gallery_index.types import Embedding
from gallery_index.vectors import VectorFile

DIM, ENTRIES = 128, SHARD + 3_000


def clusters(count: int, seed: int, noise: float = 0.8) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = np.repeat(rng.standard_normal((-(-count // 20), DIM), dtype=np.float32), 20, axis=0)[:count]
    rows += np.float32(noise) * rng.standard_normal(rows.shape, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Two shards, with a history: a third of the slots was given to other embeddings, some are free."""
    vectors = VectorFile(tmp_path_factory.mktemp("engine") / "vectors.f32", DIM)
    rows = clusters(ENTRIES, 1)
    vectors.write(range(ENTRIES), rows, durable=False)
    made = Engine(vectors, np.arange(ENTRIES), 2, Tuning(scan_below=16, scan_share=0, batch_scan_share=0))
    made.encode()
    again = np.arange(0, ENTRIES, 3)
    fresh = clusters(len(again), 2)
    vectors.write(again.tolist(), fresh, durable=False)
    made.apply(removed=again.tolist(), added=again.tolist(), rows=fresh)
    gone = np.arange(1, ENTRIES, 30).tolist()
    made.apply(removed=gone, added=[], rows=np.empty((0, DIM), np.float32))
    return made


def queries(engine: Engine, count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    near = engine._vectors.rows[rng.choice(np.flatnonzero(engine.used), count)]
    near = near + 0.05 * rng.standard_normal(near.shape, dtype=np.float32)
    return near / np.linalg.norm(near, axis=1, keepdims=True)


@pytest.mark.parametrize("count", [1, 10, 200])
@pytest.mark.parametrize("batch", [1, 17])
def test_two_stages_give_the_exact_answers(engine: Engine, count: int, batch: int) -> None:
    probes = queries(engine, batch, seed=count)
    rows = engine._vectors.rows
    exact = scan_mask(rows, probes, count, engine.used[: len(rows)])
    for hits, wanted in zip(engine.nearest(probes, count, None), exact, strict=True):
        np.testing.assert_allclose(hits.scores, wanted.scores, atol=1e-5)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001])
def test_filters_give_the_exact_answers(engine: Engine, share: float) -> None:
    used = np.flatnonzero(engine.used)
    allowed = np.random.default_rng(4).choice(used, int(share * len(used)), replace=False)
    probes = queries(engine, 9, seed=5)
    exact = scan_slots(engine._vectors.rows, probes, 10, allowed)
    for hits, wanted in zip(engine.nearest(probes, 10, allowed), exact, strict=True):
        np.testing.assert_allclose(hits.scores, wanted.scores, atol=1e-5)
        assert set(hits.slots) <= set(allowed)


def test_easy_queries_are_decided_from_few_candidates_and_hopeless_ones_are_refused(engine: Engine) -> None:
    """Without this the other tests could pass because everything falls back to a scan."""
    assert engine.coarse is not None
    rows = engine._vectors.rows
    mask = engine.used
    easy = two_stage(engine.coarse, rows, queries(engine, 8, seed=6), 1, mask, share=1.0, limit=600)
    assert all(hits is not None for hits in easy)
    hopeless = two_stage(engine.coarse, rows, noise(8), 10, mask, share=1.0, limit=100)
    assert all(hits is None for hits in hopeless)


class Watched:
    """A coarse stage that remembers how many queries each search had, and how many candidates it was asked for."""

    def __init__(self, coarse: Coarse) -> None:
        self._coarse = coarse
        self.searches: list[tuple[int, int]] = []

    def search(self, queries: np.ndarray, count: int) -> Proposed:
        self.searches.append((len(queries), count))
        return self._coarse.search(queries, count)


def noise(count: int) -> np.ndarray:
    """Near nobody: all cosines are alike."""
    drawn = np.random.default_rng(7).standard_normal((count, DIM)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def test_a_query_without_near_neighbours_is_not_widened_step_by_step(engine: Engine) -> None:
    assert engine.coarse is not None
    watched = Watched(engine.coarse)
    (hits,) = two_stage(watched, engine._vectors.rows, noise(1), 10, engine.used, share=1.0, limit=engine.entries // 8)
    assert hits is None
    assert watched.searches == [(1, LEAST), (1, LEAP * LEAST)]


def test_hundreds_of_crops_of_one_person_are_told_apart_without_a_scan(tmp_path: Path) -> None:
    """As a tracker enrols them. Without the rotation most of the ten were wrong here, and sure."""
    rng = np.random.default_rng(12)
    rows = rng.standard_normal((9_000, 512), dtype=np.float32)
    person = np.maximum(rng.standard_normal((1, 512), dtype=np.float32), 0)
    rows[:600] = person + np.float32(0.5) * rows[:600]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    vectors = VectorFile(tmp_path / "vectors.f32", 512)
    vectors.write(range(len(rows)), rows, durable=False)
    crowd = Engine(vectors, np.arange(len(rows)), 1, Tuning())
    crowd.encode()
    probe = person / np.linalg.norm(person)
    assert crowd.coarse is not None
    (hits,) = two_stage(crowd.coarse, vectors.rows, probe, 10, crowd.used, share=1.0, limit=len(rows) // 4)
    assert hits is not None
    assert set(hits.slots) == set(np.argsort(-rows @ probe[0])[:10])
    crowd.close()


def test_one_standing_person_does_not_hide_a_better_sighting(tmp_path: Path) -> None:
    """Four hundred crops that are all but the same have all but the same error: it says nothing of the others'."""
    rng = np.random.default_rng(0)

    def unit(rows: Embedding) -> Embedding:
        return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)

    def beside(row: Embedding, distance: float) -> Embedding:
        return unit(row + distance * unit(rng.standard_normal(256)))

    probes = unit(rng.standard_normal((60, 256)))
    standing = np.repeat([beside(probe, 0.5) for probe in probes], 400, axis=0)
    better = np.stack([beside(probe, 0.44) for probe in probes])
    rows = np.concatenate([unit(rng.standard_normal((8_000, 256))), standing, better])
    vectors = VectorFile(tmp_path / "vectors.f32", 256)
    vectors.write(range(len(rows)), rows, durable=False)
    street = Engine(vectors, np.arange(len(rows)), 1, Tuning())
    street.encode()
    for probe in probes:
        (hits,) = street.nearest(probe[None], 10, None)
        np.testing.assert_allclose(hits.scores, np.sort(rows @ probe)[::-1][:10], atol=1e-6)
    street.close()


def test_a_batch_of_hopeless_queries_is_left_to_a_scan_after_a_few(engine: Engine) -> None:
    assert engine.coarse is not None
    watched = Watched(engine.coarse)
    two_stage(watched, engine._vectors.rows, noise(64), 10, engine.used, share=1.0, limit=engine.entries // 8)
    assert sum(queries for queries, _ in watched.searches) == PILOT
    watched.searches.clear()
    two_stage(watched, engine._vectors.rows, queries(engine, 64, seed=8), 1, engine.used, share=1.0, limit=600)
    assert sum(queries for queries, _ in watched.searches) >= 64


def test_estimates_of_skewed_embeddings_lean_to_no_side() -> None:
    """As those of trained networks are: what is not there is near the least value, what is there far above it."""
    rows = np.maximum(clusters(2 * GROWTH, 10), 0) ** 2
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    coarse = Coarse(DIM, 1)
    coarse.put(np.arange(len(rows)), rows, lambda: rows.mean(axis=0))
    probes = rows[::40]
    slots, estimates, *_ = coarse.search(probes, len(rows))
    errors = estimates - np.einsum("qd,qnd->qn", probes, rows[slots])
    assert np.abs(errors.mean(axis=1) / errors.std(axis=1)).max() < 0.25
    coarse.close()


@pytest.mark.parametrize("dim", [1, 2, 7, 8, 128, 129, 1280])
def test_the_rotation_keeps_every_inner_product(dim: int) -> None:
    axes = rotated(np.eye(dim, dtype=np.float32))
    assert axes.dtype == np.float32
    np.testing.assert_allclose(axes @ axes.T, np.eye(dim), atol=1e-5)


def test_the_rotation_of_a_vector_does_not_depend_on_its_company() -> None:
    """Else `verify` would not find the codes it expects."""
    rows = clusters(70, 11)
    assert np.array_equal(rotated(rows)[3:5], rotated(rows[3:5]))


def test_a_coarse_stage_without_codes_proposes_nothing() -> None:
    coarse = Coarse(DIM, 2)
    for probes in (noise(1), noise(3)):
        slots, estimates, floors, doubts = coarse.search(probes, 10)
        assert slots.shape == estimates.shape == (len(probes), 0)
        assert (floors == -np.inf).all()
        assert not doubts.any()
    coarse.close()


@pytest.mark.parametrize("count", [1, 192, SHARD + 3_000, 2 * SHARD])
@pytest.mark.parametrize("batch", [1, 3])
def test_nothing_that_was_left_out_is_estimated_to_be_better_than_told(engine: Engine, count: int, batch: int) -> None:
    """Over two shards, one of them short."""
    assert engine.coarse is not None
    probes = queries(engine, batch, seed=9)
    everything = engine.coarse.search(probes, 2 * SHARD)
    assert everything.slots.shape == (batch, engine.coarse.slots())
    assert (everything.floors == -np.inf).all()
    found = engine.coarse.search(probes, count)
    assert found.slots.shape[1] <= count
    for i, slots in enumerate(found.slots):
        left_out = ~np.isin(everything.slots[i], slots)
        assert everything.scores[i, left_out].max(initial=-np.inf) <= found.floors[i]


def test_embeddings_that_are_all_the_centre_are_proposed() -> None:
    rows = np.repeat(noise(1), 2_000, axis=0)
    coarse = Coarse(DIM, 1)
    coarse.put(np.arange(len(rows)), rows, lambda: rows[0])
    found = coarse.search(rows[:1], 10)
    np.testing.assert_allclose(found.scores, 1, atol=1e-3)
    assert found.floors[0] == pytest.approx(1, abs=1e-3)
    coarse.close()


def test_a_wiped_code_is_gone(engine: Engine) -> None:
    coarse = Coarse(DIM, 1)
    rows = clusters(100, 8)
    coarse.put(np.arange(100), rows, lambda: rows.mean(axis=0))
    before = coarse.shards[0].codes.copy()
    coarse.wipe(np.arange(100))
    assert not np.array_equal(before[:3], coarse.shards[0].codes[:3])
    assert (coarse.shards[0].codes == before[-1]).all()  # which was always free
    coarse.put(np.arange(100), rows, lambda: rows.mean(axis=0))
    assert np.array_equal(coarse.shards[0].codes, before)
    coarse.close()


@pytest.mark.parametrize("dim", [DIM, 7])
def test_a_code_is_the_signs_that_snapshots_hold(dim: int) -> None:
    """faiss may change what it makes of a vector; a snapshot written by an earlier version must not mean another."""
    rows = rotated(clusters(3 * BLOCK + 5, 12)[:, :dim])
    shard = Shard(dim, rows.mean(axis=0))
    shard.put(np.arange(len(rows)), rows)
    signs = np.packbits(rows > shard.centre, axis=1, bitorder="little")
    groups = -(-dim // 4) + 1  # one that no code uses
    packer = faiss.IndexPQFastScan(4 * groups, groups, 4).get_CodePacker()
    for position, code in enumerate(signs):
        held = packer.unpack_1(shard.codes[position // BLOCK][None], position % BLOCK)
        assert np.array_equal(held[: len(code)], code)
        assert not held[len(code) :].any()


@pytest.mark.parametrize("dim", [8, 128, 1_280, 2_048, 4_096])
def test_an_entry_is_the_nearest_to_itself(dim: int) -> None:
    """Sums of 16 bits overflow first for the best match of all, and the more dimensions, the sooner."""
    rows = np.random.default_rng(dim).standard_normal((GROWTH, dim), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    shard = Shard(dim, np.zeros(dim, np.float32))
    shard.put(np.arange(GROWTH), rows)
    positions, products = shard.search(asked(rows[:320]), GROWTH)
    assert np.array_equal(np.sort(positions, axis=1), np.tile(np.arange(GROWTH), (320, 1)))
    wanted = rows[:320] @ np.sign(rows).T / dim**0.5
    found = products + missing(dim)
    np.testing.assert_allclose(found, np.take_along_axis(wanted, positions, axis=1), atol=0.01 * wanted.max())


def test_estimates_are_off_by_as_much_as_rabitq_s_own() -> None:
    """Its error, sqrt((1 - cosine²) / D) times less than 1 (arXiv:2405.12497, sec. 3.2), though scales are shared."""
    dim = 512
    rows = np.random.default_rng(3).standard_normal((3 * GROWTH, dim), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    coarse = Coarse(dim, 1)
    coarse.put(np.arange(len(rows)), rows, lambda: rows.mean(axis=0))
    slots, estimates, *_ = coarse.search(rows[:50], 1_000)
    errors = (estimates - np.einsum("qd,qnd->qn", rows[:50], rows[slots]))[:, 1:]
    assert 0.5 < errors.std() * dim**0.5 < 1
    coarse.close()


def test_free_slots_do_not_stand_before_entries_that_all_lean_to_one_side(tmp_path: Path) -> None:
    """As embeddings without a mean of zero do. A free slot's code of zeros was nearer to a query than all strangers."""
    rng = np.random.default_rng(5)
    rows = np.repeat(rng.standard_normal((200, 512)), 20, axis=0) + 0.8 * rng.standard_normal((4_000, 512))
    rows[:, 0] += 512**0.5
    rows = np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
    vectors = VectorFile(tmp_path / "vectors.f32", 512)
    vectors.write(range(len(rows)), rows, durable=False)
    leaning = Engine(vectors, np.arange(len(rows)), 1, Tuning())
    leaning.encode()
    leaning.apply(removed=np.arange(0, len(rows), 2).tolist(), added=[], rows=np.empty((0, 512), np.float32))
    assert leaning.coarse is not None
    hits = two_stage(leaning.coarse, vectors.rows, rows[1::40], 1, leaning.used, share=1.0, limit=LEAST)
    assert [one.slots.tolist() for one in hits if one is not None] == [[slot] for slot in range(1, len(rows), 40)]
    leaning.close()


def test_entries_far_from_the_centre_are_found_beside_many_that_are_near_it(tmp_path: Path) -> None:
    """Their scales are half as large again as the mean; estimates of them are too low, and all of them alike."""
    rng = np.random.default_rng(6)
    usual = rng.standard_normal((6_000, 256)) + 16 * np.eye(256)[0]
    seldom = np.repeat(rng.standard_normal((30, 256)), 10, axis=0) + 0.4 * rng.standard_normal((300, 256))
    rows = np.concatenate([usual, seldom]).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    vectors = VectorFile(tmp_path / "vectors.f32", 256)
    vectors.write(range(len(rows)), rows, durable=False)
    mixed = Engine(vectors, np.arange(len(rows)), 1, Tuning(two_stage_share=1, batch_two_stage_share=1))
    mixed.encode()
    probes = rows[::70] + np.float32(0.01) * rng.standard_normal((len(rows[::70]), 256)).astype(np.float32)
    probes /= np.linalg.norm(probes, axis=1, keepdims=True)
    for k in (1, 10, 20):
        for probe, hits in zip(probes, mixed.nearest(probes, k, None), strict=True):
            np.testing.assert_allclose(hits.scores, np.sort(rows @ probe)[::-1][:k], atol=1e-6)
    mixed.close()


def test_one_query_waits_for_no_thread_of_faiss(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    search = Shard.search

    def watched(shard: Shard, questions: Embedding, count: int) -> Found:
        used.append(faiss.omp_get_max_threads())
        return search(shard, questions, count)

    monkeypatch.setattr(Shard, "search", watched)
    with faiss_threads(3):
        engine.nearest(queries(engine, 1, seed=5), 10, None)
        assert used
        assert set(used) == {1}
        assert faiss.omp_get_max_threads() == 3


@pytest.mark.parametrize("count", [1, 3, 4, 20])  # few are scanned in place, many together
def test_scans_agree(engine: Engine, count: int) -> None:
    used = np.flatnonzero(engine.used)
    probes = queries(engine, count, seed=9)
    rows = engine._vectors.rows
    by_slots = scan_slots(rows, probes, 50, np.random.default_rng(1).permutation(used))
    by_mask = scan_mask(rows, probes, 50, engine.used[: len(rows)])
    for a, b in zip(by_slots, by_mask, strict=True):
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-5)


def test_cosines_are_those_of_the_slots_in_their_order(engine: Engine) -> None:
    rows = engine._vectors.rows
    slots = np.array([SHARD + 7, 0, 5, 5])
    (query,) = noise(1)
    np.testing.assert_allclose(cosines(rows, query, slots), rows[slots] @ query, atol=1e-6)
    assert cosines(rows, query, slots[:0]).shape == (0,)


def test_rerank_keeps_every_candidate_and_agrees_with_the_definition() -> None:
    rows = clusters(60, 3)
    query = rows[0] + 0.02
    scores = rows @ (query / np.linalg.norm(query)).astype(np.float32)
    order = np.argsort(-scores)
    changed = rerank(scores[order], rows[order])
    assert sorted(changed.tolist()) == list(range(60))
    assert set(order[changed][:20].tolist()) == set(range(20))  # the query's own cluster comes first as a whole
