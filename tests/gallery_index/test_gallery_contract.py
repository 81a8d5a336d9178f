"""What every kind of gallery must do: the same tests run on SQLite + faiss and on Milvus."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from gallery_index import (
    AttributeValue,
    Entry,
    Filter,
    Galleries,
    Gallery,
    InvalidRequest,
    ModelMismatch,
    Sighting,
    StorageFailed,
    UnknownEntry,
    UnknownGallery,
)
from reid_contract import EmbeddingSpec

DIM = 16
SPEC = EmbeddingSpec("tiny-0123456789ab", DIM)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def unit(seed: int) -> np.ndarray:
    row = np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
    return row / np.linalg.norm(row)


def near(seed: int, noise: float, of: int) -> np.ndarray:
    row = unit(of) + noise * unit(seed)
    return (row / np.linalg.norm(row)).astype(np.float32)


def entry(number: int, **changes: object) -> Entry:
    made = Entry(
        id=f"e{number:04d}",
        camera_id=f"c{number % 3}",
        captured_at=NOON + timedelta(hours=number),
        embedding=unit(number),
        person_id=f"p{number // 4}",
        attributes={"hat": number % 2 == 0, "count": number % 5},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def ids(matches: object) -> list[str]:
    return [match.sighting.id for match in matches]  # type: ignore[attr-defined]


def test_what_was_enrolled_comes_back(gallery: Gallery) -> None:
    there = timezone(timedelta(hours=9))
    given = entry(1, captured_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=there), thumbnail=b"\xff\xd8jpeg")
    given = replace(given, attributes={"a": "ü\u4eba", "b": 1.5, "c": True, "d": 3})
    assert gallery.upsert([given], by="test") == 1
    got = gallery.get("e0001")
    assert (got.id, got.camera_id, got.person_id, got.has_thumbnail) == ("e0001", "c1", "p0", True)
    assert got.captured_at == given.captured_at
    assert dict(got.attributes) == given.attributes
    assert type(got.attributes["c"]) is bool
    np.testing.assert_allclose(gallery.vector("e0001"), given.embedding, atol=1e-6)
    assert gallery.vector("e0001").dtype == np.float32
    assert gallery.thumbnail("e0001") == b"\xff\xd8jpeg"
    (whole,) = gallery.read(["nobody", "e0001"])
    assert whole.thumbnail == b"\xff\xd8jpeg"
    assert whole.captured_at == given.captured_at


def test_upsert_replaces_and_is_idempotent(gallery: Gallery) -> None:
    assert gallery.upsert([entry(1), entry(2)], by="test") == 2
    assert gallery.upsert([entry(1), entry(3, thumbnail=b"x")], by="test") == 1
    assert gallery.upsert([entry(3, person_id=None, embedding=unit(99), attributes={})], by="test") == 0
    assert gallery.count() == 3
    changed = gallery.get("e0003")
    assert (changed.person_id, dict(changed.attributes), changed.has_thumbnail) == (None, {}, False)
    assert gallery.thumbnail("e0003") is None
    np.testing.assert_allclose(gallery.vector("e0003"), unit(99), atol=1e-6)
    assert ids(gallery.search(unit(99)[None], k=1, by="test")[0]) == ["e0003"]
    assert gallery.count(Filter(attributes={"count": 3})) == 0
    assert gallery.upsert([], by="test") == 0


def test_delete(gallery: Gallery) -> None:
    gallery.upsert([entry(i) for i in range(6)], by="test")
    assert gallery.delete(["e0001", "e0004", "nobody"], by="test") == 2
    assert gallery.delete(["e0001"], by="test") == 0
    assert gallery.delete([], by="test") == 0
    with pytest.raises(UnknownEntry, match="e0001"):
        gallery.get("e0001")
    with pytest.raises(UnknownEntry):
        gallery.vector("e0001")
    with pytest.raises(UnknownEntry):
        gallery.thumbnail("e0001")
    assert "e0001" not in ids(gallery.search(unit(1)[None], k=10, by="test")[0])


def test_an_id_that_no_entry_can_have_meets_no_other_entry(gallery: Gallery) -> None:
    gallery.upsert([entry(1)], by="test")
    for wrong in ("e0001\0x", "\ud800", ""):
        with pytest.raises(InvalidRequest, match="allowed: "):
            gallery.delete([wrong], by="test")
        with pytest.raises(InvalidRequest, match="allowed: "):
            gallery.get(wrong)
        with pytest.raises(InvalidRequest, match="allowed: "):
            gallery.count(Filter(persons=frozenset({wrong})))
    assert gallery.count() == 1


def test_each_entry_has_its_own_attributes(gallery: Gallery) -> None:
    told: list[dict[str, AttributeValue]] = [{}, {"a": '"}],[{"', "b": -1.5}, {"c": False}, {}, {"a": ",", "\n": 2**62}]
    given = [entry(i, attributes=attributes) for i, attributes in enumerate(told)]
    gallery.upsert(given, by="test")
    assert [dict(sighting.attributes) for sighting in gallery.page().sightings] == told
    (matches,) = gallery.search(np.stack([given[1].embedding]), k=5, by="test")
    assert {m.sighting.id: dict(m.sighting.attributes) for m in matches} == {e.id: dict(e.attributes) for e in given}


def test_pictures_alone_are_erased(gallery: Gallery) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    given = [
        entry(1, person_id=None, thumbnail=b"one"),
        entry(2, captured_at=moment, attributes={"a": "ü\u4eba", "b": 1.5, "c": True}, thumbnail=b"\xfftwo"),
        entry(3),
    ]
    gallery.upsert(given, by="test")
    assert gallery.erase_thumbnails(by="test") == 2
    assert gallery.erase_thumbnails(by="test") == 0
    assert gallery.count() == 3
    for was in given:
        left = gallery.get(was.id)
        assert left == Sighting(was.id, was.camera_id, was.captured_at, was.person_id, was.attributes)
        assert gallery.thumbnail(was.id) is None
        np.testing.assert_allclose(gallery.vector(was.id), was.embedding, atol=1e-6)


def test_erase_by_person_and_by_filter(gallery: Gallery) -> None:
    gallery.upsert([entry(i) for i in range(12)], by="test")
    assert gallery.erase(Filter(persons=frozenset({"p0"})), by="test") == 4
    assert gallery.erase(Filter(cameras=frozenset({"c1"}), attributes={"hat": True}), by="test") == 2
    assert gallery.count() == 6
    assert gallery.erase(Filter(persons=frozenset({"p0"})), by="test") == 0
    with pytest.raises(InvalidRequest, match="empty"):
        gallery.erase(Filter(), by="test")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Filter(cameras=frozenset({"c0", "c1"})), {0, 1, 3, 4, 6, 7}),
        (Filter(cameras=frozenset()), set()),
        (Filter(not_cameras=frozenset({"c0"})), {1, 2, 4, 5, 7}),
        (Filter(persons=frozenset({"p1"})), {4, 5, 6}),
        (Filter(not_persons=frozenset({"p1"})), {0, 1, 2, 3, 7}),
        (Filter(since=NOON + timedelta(hours=2), until=NOON + timedelta(hours=4)), {2, 3}),
        (Filter(attributes={"hat": True}), {0, 2, 4, 6}),
        (Filter(attributes={"count": 1}), {1, 6}),
        (Filter(attributes={"count": 1.0, "hat": False}), {1}),
        (Filter(attributes={"count": True}), set()),
        (Filter(attributes={"'; DROP TABLE entry; --": "x"}), set()),
        (Filter(cameras=frozenset({"c1"}), persons=frozenset({"p1"}), attributes={"hat": True}), {4}),
    ],
)
def test_filters(gallery: Gallery, where: Filter, expected: set[int]) -> None:
    gallery.upsert([*(entry(i) for i in range(7)), entry(7, person_id=None)], by="test")
    wanted = {f"e{i:04d}" for i in expected}
    assert gallery.count(where) == len(wanted)
    assert {s.id for s in gallery.page(where).sightings} == wanted
    (found,) = gallery.search(unit(3)[None], k=10, where=where, by="test")
    assert set(ids(found)) == wanted


def test_pages(gallery: Gallery) -> None:
    gallery.upsert([entry(i) for i in range(25)], by="test")
    seen: list[str] = []
    cursor = None
    while True:
        page = gallery.page(cursor=cursor, limit=10)
        seen += [s.id for s in page.sightings]
        if len(seen) == 10:  # what comes and goes meanwhile moves nobody else
            gallery.delete(["e0003"], by="test")
            gallery.upsert([entry(0, id="a-before-all")], by="test")
        if (cursor := page.cursor) is None:
            break
    assert seen == [f"e{i:04d}" for i in range(25)]
    assert gallery.page(limit=25).cursor is None or gallery.page(cursor=gallery.page(limit=25).cursor).sightings == ()


def test_info(gallery: Gallery) -> None:
    gallery.upsert([entry(i) for i in range(14)], by="test")
    info = gallery.info()
    assert (info.name, info.model_id, info.dim) == ("people", SPEC.model_id, DIM)
    assert (info.entries, info.persons, info.retention_days) == (14, 4, None)
    assert info.cameras == {"c0": 5, "c1": 5, "c2": 4}
    assert info.days == {"2026-11-22": 12, "2026-11-23": 2}


def test_search_is_exact_and_sorted(gallery: Gallery) -> None:
    entries = [entry(i) for i in range(60)]
    gallery.upsert(entries, by="test")
    queries = np.stack([unit(1000 + i) for i in range(5)])
    exact = queries @ np.stack([e.embedding for e in entries]).T
    for row, found in zip(exact, gallery.search(queries, k=7, by="test"), strict=True):
        assert ids(found) == [f"e{i:04d}" for i in np.argsort(-row)[:7]]
        np.testing.assert_allclose([m.score for m in found], np.sort(row)[::-1][:7], atol=1e-5)


def test_padding_never_leaks(gallery: Gallery) -> None:
    assert gallery.search(unit(1)[None], k=5, by="test") == [[]]
    gallery.upsert([entry(1), entry(2)], by="test")
    assert len(gallery.search(unit(1)[None], k=1000, by="test")[0]) == 2
    assert gallery.search(unit(1)[None], k=5, where=Filter(persons=frozenset({"nobody"})), by="test") == [[]]


def test_min_score(gallery: Gallery) -> None:
    gallery.upsert([entry(i, embedding=near(i, 0.1 * i, of=7)) for i in range(10)], by="test")
    (everything,) = gallery.search(unit(7)[None], k=10, by="test")
    bar = everything[4].score - 1e-6
    (found,) = gallery.search(unit(7)[None], k=10, min_score=bar, by="test")
    assert found == everything[:5]


def test_group_by_person_finds_k_persons_behind_a_crowd_of_one(gallery: Gallery) -> None:
    crowd = [entry(i, person_id="crowd", embedding=near(i, 0.05, of=7)) for i in range(300)]
    others = [entry(300 + i, person_id=f"q{i}", embedding=near(300 + i, 1.5, of=7)) for i in range(5)]
    strangers = [entry(400 + i, person_id=None, embedding=near(400 + i, 3, of=7)) for i in range(3)]
    gallery.upsert([*crowd, *others, *strangers], by="test")
    (found,) = gallery.search(unit(7)[None], k=8, group_by_person=True, by="test")
    assert found[0].sighting.person_id == "crowd"
    assert {m.sighting.person_id for m in found} == {"crowd", None, *(f"q{i}" for i in range(5))}
    assert len(found) == 8
    assert [m.score for m in found] == sorted((m.score for m in found), reverse=True)
    (few,) = gallery.search(unit(7)[None], k=100, group_by_person=True, by="test")
    assert len(few) == 9


@pytest.mark.parametrize("options", [{}, {"group_by_person": True}, {"rerank": True}, {"fuse": "best"}])
def test_more_like_an_entry_leaves_it_out_and_finds_k_all_the_same(gallery: Gallery, options: dict[str, bool]) -> None:
    crowds = [entry(n, person_id=f"p{n // 30}", embedding=near(n, 0.3, of=n // 30)) for n in range(360)]
    gallery.upsert(crowds, by="test")
    asked = crowds[0]
    (found,) = gallery.search(asked.embedding[None], k=10, exclude_id=asked.id, by="test", **options)  # type: ignore[arg-type]
    assert len(found) == 10
    assert asked.id not in ids(found)
    if "group_by_person" in options:
        assert len({m.sighting.person_id for m in found}) == 10
        assert found[0].sighting.person_id == asked.person_id
    (all_but_one,) = gallery.search(asked.embedding[None], k=1000, exclude_id=asked.id, by="test")
    assert len(all_but_one) == len(crowds) - 1
    (everyone,) = gallery.search(asked.embedding[None], k=1000, exclude_id="nobody", by="test")
    assert len(everyone) == len(crowds)


def test_fusion(gallery: Gallery) -> None:
    entries = [entry(i) for i in range(40)]
    gallery.upsert(entries, by="test")
    track = np.stack([near(900, 0.5, of=3), near(901, 0.5, of=8)])
    exact = track @ np.stack([e.embedding for e in entries]).T
    (best,) = gallery.search(track, k=6, fuse="best", by="test")
    assert ids(best) == [f"e{i:04d}" for i in np.argsort(-exact.max(axis=0))[:6]]
    np.testing.assert_allclose([m.score for m in best], np.sort(exact.max(axis=0))[::-1][:6], atol=1e-5)
    (mean,) = gallery.search(track, k=6, fuse="mean", by="test")
    assert ids(mean) == [f"e{i:04d}" for i in np.argsort(-exact.mean(axis=0))[:6]]
    with pytest.raises(InvalidRequest, match="mean"):
        gallery.search(np.stack([unit(1), -unit(1)]), k=1, fuse="mean", by="test")


def test_rerank_lifts_the_friend_of_a_friend(gallery: Gallery) -> None:
    """A tight group lies around the query, among loners; who belongs to it is lifted over a loner that is nearer."""
    friends = [entry(i, embedding=near(i, 0.25, of=7)) for i in range(1, 25)]
    loners = [entry(100 + i, embedding=near(100 + i, 0.2, of=50 + i)) for i in range(30)]
    gallery.upsert([*friends, *loners], by="test")
    (plain,) = gallery.search(near(7000, 0.4, of=7)[None], k=30, by="test")
    (lifted,) = gallery.search(near(7000, 0.4, of=7)[None], k=30, rerank=True, by="test")
    score_of = {m.sighting.id: m.score for m in plain}
    assert all(m.score == pytest.approx(score_of.get(m.sighting.id, m.score), abs=1e-6) for m in lifted)
    assert set(ids(lifted)[:24]) == {f"e{i:04d}" for i in range(1, 25)}


def test_many_queries_are_re_ranked_like_each_alone(gallery: Gallery) -> None:
    gallery.upsert([entry(n, person_id=f"p{n // 6}", embedding=near(n, 0.7, of=n // 6)) for n in range(240)], by="test")
    queries = np.stack([near(5_000 + n, 0.7, of=n) for n in range(40)])
    together = gallery.search(queries, k=5, group_by_person=True, rerank=True, by="test")
    assert len(together) == 40
    for query, found in zip(queries, together, strict=True):
        (alone,) = gallery.search(query[None], k=5, group_by_person=True, rerank=True, by="test")
        assert ids(found) == ids(alone)


@pytest.mark.parametrize("bad", [0, 100_001, -1, True, 2.5])
def test_k_out_of_range(gallery: Gallery, bad: object) -> None:
    with pytest.raises(InvalidRequest, match=r"k is .*1 to 100000"):
        gallery.search(unit(1)[None], k=bad, by="test")  # type: ignore[arg-type]


def test_reranking_is_bounded(gallery: Gallery) -> None:
    with pytest.raises(InvalidRequest, match="k with rerank is 201; allowed: a whole number from 1 to 200"):
        gallery.search(unit(1)[None], k=201, rerank=True, by="test")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": ""}, "id is ''"),
        ({"id": "x" * 257}, "256"),
        ({"id": "a\0b"}, "NUL"),
        ({"id": "\ud800"}, "UTF-8"),
        ({"camera_id": ""}, "camera_id of 'e0001'"),
        ({"captured_at": datetime(2026, 1, 1)}, "zone"),
        ({"attributes": {"a": float("nan")}}, "finite"),
        ({"attributes": {"a": ["x"]}}, "true or false"),
        ({"embedding": np.zeros(DIM, np.float32)}, "length 0"),
        ({"embedding": np.full(DIM, np.nan, np.float32)}, "length nan"),
        ({"embedding": np.ones(3, np.float32)}, r"shape \(3,\)"),
    ],
)
def test_bad_entries_are_named_and_nothing_of_the_batch_is_stored(
    gallery: Gallery, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        gallery.upsert([entry(2), entry(1, **changes)], by="test")
    assert gallery.count() == 0


def test_other_bad_arguments(gallery: Gallery) -> None:
    with pytest.raises(InvalidRequest, match="twice"):
        gallery.upsert([entry(1), entry(1)], by="test")
    with pytest.raises(InvalidRequest, match=r"shape \(2, 3\)"):
        gallery.search(np.ones((2, 3), np.float32), k=1, by="test")
    with pytest.raises(InvalidRequest, match="query 1 has length 0"):
        gallery.search(np.stack([unit(1), 0 * unit(1)]), k=1, by="test")
    with pytest.raises(InvalidRequest, match="min_score"):
        gallery.search(unit(1)[None], k=1, min_score=float("nan"), by="test")
    with pytest.raises(InvalidRequest, match="fuse"):
        gallery.search(unit(1)[None], k=1, fuse="max", by="test")  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="zone"):
        gallery.count(Filter(since=datetime(2026, 1, 1)))
    with pytest.raises(InvalidRequest, match="limit"):
        gallery.page(limit=0)


def test_galleries_are_bound_to_their_model(galleries: Galleries, gallery: Gallery) -> None:
    assert galleries.names() == ["people"]
    assert galleries.create("people", SPEC, by="test") is galleries.open("people", SPEC)
    other = EmbeddingSpec("other-ba9876543210", DIM)
    for make in (lambda: galleries.open("people", other), lambda: galleries.create("people", other, by="test")):
        with pytest.raises(ModelMismatch, match=r"tiny-0123456789ab.*other-ba9876543210"):
            make()
    with pytest.raises(ModelMismatch, match=r"16-d.*8-d"):
        galleries.open("people", EmbeddingSpec(SPEC.model_id, 8))
    assert (gallery.embedding.model_id, gallery.embedding.dim) == (SPEC.model_id, DIM)


def test_names_and_drop(galleries: Galleries, gallery: Gallery) -> None:
    for bad in ("", "../x", "Ü", "a/b", "-a", "x" * 65, ".hidden"):
        with pytest.raises(InvalidRequest, match="gallery name"):
            galleries.create(bad, SPEC, by="test")
    with pytest.raises(UnknownGallery, match="nowhere"):
        galleries.open("nowhere")
    with pytest.raises(UnknownGallery, match="nowhere"):
        galleries.drop("nowhere", by="test")
    galleries.create("other", SPEC, by="test").upsert([entry(1)], by="test")
    galleries.drop("people", by="test")
    assert galleries.names() == ["other"]
    with pytest.raises(UnknownGallery):
        gallery.count()
    assert galleries.create("people", SPEC, by="test").count() == 0


def test_retention(galleries: Galleries, gallery: Gallery) -> None:
    now = datetime.now(UTC)
    gallery.upsert([entry(i, captured_at=now - timedelta(days=i)) for i in range(10)], by="test")
    assert galleries.expire() == 0
    gallery.set_retention(5, by="test")
    assert gallery.info().retention_days == 5
    assert galleries.expire() == 5
    assert gallery.count() == 5
    assert galleries.expire() == 0
    gallery.set_retention(None, by="test")
    assert gallery.info().retention_days is None
    with pytest.raises(InvalidRequest, match="retention_days"):
        gallery.set_retention(0, by="test")


@pytest.mark.milvus
def test_an_entry_that_is_deleted_while_it_is_re_ranked_is_told_so() -> None:
    pytest.importorskip("pymilvus")
    from gallery_index.milvus_gallery import _Candidates

    class Emptied:
        def query(self, *_: object) -> list[object]:
            return []

    candidates = _Candidates(Emptied(), "reid_g", "")  # type: ignore[arg-type]
    candidates._sightings.append(Sighting("e0001", "c0", NOON))
    with pytest.raises(StorageFailed, match="1 entries were deleted while they were searched, 'e0001' first"):
        candidates.rows(np.array([0]))
