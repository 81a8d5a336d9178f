"""Random operations against a plain dictionary and numpy give the same answers, whatever the index does underneath."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gallery_index import Entry, Filter, Fusion, Match
from gallery_index.directory import EmbeddedGalleries
from gallery_index.tuning import Tuning
from gallery_index.verify import verify
from reid_contract import EmbeddingSpec

DIM = 24
SPEC = EmbeddingSpec("tiny-0123456789ab", DIM)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
# Everything that happens to millions of entries happens to a few dozen: coarse stage, snapshots, checkpoints, widening.
TINY = Tuning(
    coarse_from=12,
    scan_below=2,
    scan_share=0.0,
    batch_scan_share=0.0,
    two_stage_share=4.0,
    batch_two_stage_share=4.0,
    snapshot_after=10,
    snapshot_share=0.0,
    log_bytes=1,
)

numbers = st.integers(0, 60)
cameras = st.sampled_from(["c0", "c1", "c2"])
persons = st.sampled_from(["p0", "p1", "p2", "p3"])
filters = st.builds(
    Filter,
    cameras=st.none() | st.frozensets(cameras),
    not_cameras=st.frozensets(cameras, max_size=1),
    persons=st.none() | st.frozensets(persons),
    not_persons=st.frozensets(persons, max_size=1),
    since=st.none() | st.integers(0, 40).map(lambda h: NOON + timedelta(hours=h)),
    until=st.none() | st.integers(20, 60).map(lambda h: NOON + timedelta(hours=h)),
    attributes=st.just({}) | st.fixed_dictionaries({"hat": st.booleans()}),
)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    number, person = draw(numbers), draw(st.none() | persons)
    row = np.random.default_rng(hash(person or "") % 97).standard_normal(DIM)
    row += 0.7 * np.random.default_rng(draw(st.integers(0, 10_000))).standard_normal(DIM)
    hours = timedelta(hours=draw(st.integers(0, 60)))
    attributes = draw(st.just({}) | st.fixed_dictionaries({"hat": st.booleans()}))
    embedding = (row / np.linalg.norm(row)).astype(np.float32)
    thumbnail = draw(st.none() | st.just(b"jpeg"))
    return Entry(f"e{number:02d}", draw(cameras), NOON + hours, embedding, person, attributes, thumbnail)


def passes(entry: Entry, where: Filter) -> bool:
    return (
        (where.cameras is None or entry.camera_id in where.cameras)
        and entry.camera_id not in where.not_cameras
        and (where.persons is None or entry.person_id in where.persons)
        and entry.person_id not in where.not_persons
        and (where.since is None or entry.captured_at >= where.since)
        and (where.until is None or entry.captured_at < where.until)
        and all(entry.attributes.get(key) == value for key, value in where.attributes.items())
    )


class Congruence(RuleBasedStateMachine):
    """The gallery beside the simplest thing that does the same."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.model: dict[str, Entry] = {}
        self.open()
        self.gallery = self.galleries.create("g", SPEC, by="test")

    def open(self) -> None:
        self.galleries = EmbeddedGalleries(self.directory, durability="process", threads=2, tuning=TINY)

    @rule(batch=st.lists(entries(), max_size=12, unique_by=lambda e: e.id))
    def upsert(self, batch: list[Entry]) -> None:
        new = {e.id for e in batch} - set(self.model)
        assert self.gallery.upsert(batch, by="test") == len(new)
        self.model |= {e.id: e for e in batch}

    @rule(chosen=st.lists(numbers, max_size=8, unique=True))
    def delete(self, chosen: list[int]) -> None:
        ids = [f"e{number:02d}" for number in chosen]
        assert self.gallery.delete(ids, by="test") == len(set(ids) & set(self.model))
        self.model = {key: e for key, e in self.model.items() if key not in ids}

    @rule(where=filters.filter(lambda f: f != Filter()))
    def erase(self, where: Filter) -> None:
        gone = {key for key, e in self.model.items() if passes(e, where)}
        assert self.gallery.erase(where, by="test") == len(gone)
        self.model = {key: e for key, e in self.model.items() if key not in gone}

    @rule()
    def erase_all(self) -> None:
        assert self.gallery.erase(Filter(not_cameras=frozenset({"none"})), by="test") == len(self.model)
        self.model = {}

    @rule(damage=st.sampled_from(["", "", "missing", "torn", "old"]))
    def reopen(self, damage: str) -> None:
        snapshot = self.directory / "g" / "coarse.snapshot"
        old = snapshot.read_bytes() if damage == "old" and snapshot.exists() else None
        self.galleries.close()
        if damage == "missing":
            snapshot.unlink(missing_ok=True)
        elif damage == "torn" and snapshot.exists():
            snapshot.write_bytes(snapshot.read_bytes()[:-7])
        elif old is not None:
            snapshot.write_bytes(old)
        self.open()
        self.gallery = self.galleries.open("g", SPEC)

    @rule()
    def compact(self) -> None:
        self.gallery.compact()

    @rule(where=filters, limit=st.integers(1, 9))
    def page(self, where: Filter, limit: int) -> None:
        seen, cursor = [], None
        while True:
            page = self.gallery.page(where, cursor=cursor, limit=limit)
            seen += [s.id for s in page.sightings]
            if (cursor := page.cursor) is None:
                break
        assert seen == sorted(key for key, e in self.model.items() if passes(e, where))

    @rule(
        where=filters | st.just(Filter()),
        probe=st.lists(entries(), min_size=1, max_size=3),
        k=st.integers(1, 12),
        group=st.booleans(),
        min_score=st.sampled_from([-1.0, 0.3]),
        fuse=st.sampled_from([None, "best", "mean"]),
    )
    def search(
        self, where: Filter, probe: list[Entry], *, k: int, group: bool, min_score: float, fuse: Fusion | None
    ) -> None:
        queries = np.stack([e.embedding for e in probe])
        if fuse == "mean" and np.linalg.norm(queries.mean(axis=0)) < 1e-3:
            return
        found = self.gallery.search(
            queries, k=k, where=where, group_by_person=group, min_score=min_score, fuse=fuse, by="test"
        )
        if fuse == "mean":
            queries = queries.mean(axis=0, keepdims=True) / np.linalg.norm(queries.mean(axis=0))
        allowed = [e for e in self.model.values() if passes(e, where)]
        scores = queries @ np.stack([e.embedding for e in allowed]).T if allowed else np.empty((len(queries), 0))
        scores = scores.max(axis=0, keepdims=True) if fuse == "best" else scores
        assert len(found) == len(scores)
        for matches, row in zip(found, scores, strict=True):
            self.same(matches, expected(allowed, row, k, group, min_score))

    def same(self, matches: list[Match], wanted: list[tuple[float, str]]) -> None:
        assert len(matches) == len(wanted)
        np.testing.assert_allclose([m.score for m in matches], [score for score, _ in wanted], atol=1e-5)
        for match in matches:
            stored = self.model[match.sighting.id]
            assert match.sighting.person_id == stored.person_id
            assert match.sighting.has_thumbnail == (stored.thumbnail is not None)

    @invariant()
    def counts(self) -> None:
        assert self.gallery.count() == len(self.model)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.model)))
        np.testing.assert_allclose(self.gallery.vector(key), self.model[key].embedding, atol=1e-6)
        assert self.gallery.thumbnail(key) == self.model[key].thumbnail

    def teardown(self) -> None:
        self.galleries.close()
        assert verify(self.directory / "g") == []
        shutil.rmtree(self.directory)


def expected(allowed: list[Entry], row: np.ndarray, k: int, group: bool, min_score: float) -> list[tuple[float, str]]:
    answers: list[tuple[float, str]] = []
    seen: set[str] = set()
    for i in np.argsort(-row, kind="stable"):
        person = allowed[i].person_id
        if row[i] < min_score or len(answers) == k:
            break
        if not group or person is None or person not in seen:
            answers.append((float(row[i]), allowed[i].id))
            seen.add(person or "")
    return answers


TestCongruence = Congruence.TestCase
TestCongruence.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
