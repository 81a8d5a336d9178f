"""One gallery as a Milvus collection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from pymilvus import MilvusClient, MilvusException

from gallery_index.audit import Audit, describe
from gallery_index.errors import InvalidRequest, StorageFailed, UnknownEntry, UnknownGallery
from gallery_index.filters import moment
from gallery_index.interface import EVERYTHING
from gallery_index.milvus_fields import (
    ALL,
    NOBODY,
    SIGHTING,
    WHOLE,
    expression,
    one_of,
    quote,
    to_entry,
    to_row,
    to_sighting,
)
from gallery_index.scan import Hits
from gallery_index.search import Request, answer, batches, find
from gallery_index.types import Embedding, Entry, Filter, Fusion, GalleryInfo, Match, Page, Sighting
from gallery_index.validation import (
    MAX_PAGE,
    MAX_RETENTION_DAYS,
    check_entries,
    check_filter,
    check_ids,
    check_number,
    check_queries,
    check_search,
)
from gallery_index.vectors import Slots
from reid_contract import EmbeddingSpec

MOST = 16_384  # candidates of one query; Milvus's own limit
REWRITTEN_AT_ONCE = 200  # whole entries: at most 15 MB, and Milvus refuses 64


class Collection(NamedTuple):
    """Where a gallery's entries are, and the retention of all galleries."""

    client: MilvusClient
    name: str
    settings: str


class MilvusGallery:
    """Implements interface.Gallery. Writers of one process are one at a time, so that counting what is new is right."""

    def __init__(self, name: str, embedding: EmbeddingSpec, collection: Collection, audit: Audit):
        self._name = name
        self._embedding = embedding
        self._client, self._collection, self._settings = collection
        self._audit = audit
        self._writing = Lock()
        self._closed = False

    @property
    def name(self) -> str:
        """As in the URL."""
        return self._name

    @property
    def embedding(self) -> EmbeddingSpec:
        """The model it is bound to."""
        return self._embedding

    def upsert(self, entries: Sequence[Entry], *, by: str) -> int:
        """Stores entries, replacing those of the same id. Returns how many ids were new."""
        rows = check_entries(entries, self._embedding.dim)
        self._audit.check()
        new = 0
        if entries:
            data = [to_row(entry, row) for entry, row in zip(entries, rows, strict=True)]
            with self._calls(), self._writing:
                new = len(entries) - self._count(one_of("id", [entry.id for entry in entries]))
                self._client.upsert(self._collection, data)
        self._audit.record("enrol", self._name, by=by, count=len(entries), new=new)
        return new

    def get(self, entry_id: str) -> Sighting:
        """Raises UnknownEntry."""
        check_ids([entry_id])
        with self._calls():
            for row in self._query(one_of("id", [entry_id]), SIGHTING, 1):
                return to_sighting(row)
        raise UnknownEntry(f"gallery {self._name!r} has no entry {entry_id!r}")

    def vector(self, entry_id: str) -> Embedding:
        """(D,) float32. Raises UnknownEntry."""
        return self._whole(entry_id).embedding

    def thumbnail(self, entry_id: str) -> bytes | None:
        """None where none was stored. Raises UnknownEntry."""
        return self._whole(entry_id).thumbnail

    def read(self, ids: Sequence[str]) -> list[Entry]:
        """Those that exist, in the order of their ids."""
        check_ids(ids)
        with self._calls():
            rows = self._query(one_of("id", ids), WHOLE, max(1, len(ids)))
        return sorted(map(to_entry, rows), key=lambda entry: entry.id)

    def delete(self, ids: Sequence[str], *, by: str) -> int:
        """Returns how many existed."""
        check_ids(ids)
        self._audit.check()
        count = self._delete(one_of("id", ids))
        self._audit.record("delete", self._name, by=by, count=count, ids=list(ids))
        return count

    def erase(self, where: Filter, *, by: str) -> int:
        """Deletes what the filter allows and asks Milvus to compact."""
        check_filter(where)
        if where == EVERYTHING:
            raise InvalidRequest("the filter of an erasure is empty; allowed: one that says what to erase")
        self._audit.check()
        count = self._delete(expression(where))
        self._compact()
        self._audit.record("erase", self._name, by=by, count=count, where=describe(where))
        return count

    def erase_thumbnails(self, *, by: str) -> int:
        """Stores every entry that has a picture again, without it, and asks Milvus to compact."""
        self._audit.check()
        count = 0
        with self._writing:  # nobody's newer entry may be replaced by the one that was read before
            for entries in iter(self._with_thumbnails, []):
                bare = [to_row(replace(entry, thumbnail=None), entry.embedding) for entry in entries]
                with self._calls():
                    self._client.upsert(self._collection, bare)
                count += len(bare)
        self._compact()
        self._audit.record("erase", self._name, by=by, count=count, what="thumbnails")
        return count

    def page(self, where: Filter = EVERYTHING, *, cursor: str | None = None, limit: int = 100) -> Page:
        """The cursor is the last id of the page before."""
        check_filter(where)
        check_number("limit", limit, 1, MAX_PAGE)
        check_ids([cursor] if cursor else [])
        after = f" and id > {quote(cursor)}" if cursor else ""
        with self._calls():
            rows = self._query(expression(where) + after, SIGHTING, limit + 1)
        sightings = sorted(map(to_sighting, rows), key=lambda s: s.id)
        more = len(sightings) > limit
        return Page(tuple(sightings[:limit]), sightings[limit - 1].id if more else None)

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many entries the filter allows."""
        check_filter(where)
        with self._calls():
            return self._count(expression(where))

    def info(self) -> GalleryInfo:
        """Counts per camera and day; reads through the whole gallery, as Milvus cannot group."""
        cameras: Counter[str] = Counter()
        days: Counter[str] = Counter()
        persons: set[str] = set()
        for row in self._walk(["id", "camera_id", "person_id", "captured_at"]):
            cameras[row["camera_id"]] += 1
            days[moment(row["captured_at"]).date().isoformat()] += 1
            persons.add(row["person_id"])
        return GalleryInfo(
            name=self._name,
            model_id=self._embedding.model_id,
            dim=self._embedding.dim,
            entries=cameras.total(),
            persons=len(persons - {NOBODY}),
            cameras=dict(sorted(cameras.items())),
            days=dict(sorted(days.items())),
            retention_days=self.retention_days(),
        )

    def search(
        self,
        queries: Embedding,
        *,
        k: int,
        where: Filter = EVERYTHING,
        group_by_person: bool = False,
        min_score: float = -1.0,
        fuse: Fusion | None = None,
        rerank: bool = False,
        exclude_id: str | None = None,
        by: str,
    ) -> list[list[Match]]:
        """As in interface.Gallery.search."""
        queries = check_queries(queries, self._embedding.dim)
        check_search(k, min_score, fuse, rerank=rerank)
        check_filter(where)
        check_ids([] if exclude_id is None else [exclude_id])
        limits = [] if where == EVERYTHING else [expression(where)]
        if exclude_id is not None:
            limits.append(f"id != {quote(exclude_id)}")
        request = Request(k, min_score, group_by_person, fuse, rerank)
        answers: list[list[Match]] = []
        for batch in batches(request, queries):
            candidates = _Candidates(self._client, self._collection, " and ".join(limits))
            with self._calls():
                found = find(request, batch, candidates.nearest, candidates.persons, candidates.rows)
            answers += [candidates.matches(answer(request, one, candidates.persons)) for one in found]
        count = sum(map(len, answers))
        asked = {"queries": len(queries), "k": k, "where": describe(where)}
        like = {} if exclude_id is None else {"exclude_id": exclude_id}
        self._audit.record("search", self._name, by=by, count=count, **asked, **like)
        return answers

    def set_retention(self, days: int | None, *, by: str) -> None:
        """None keeps everything."""
        if days is not None:
            check_number("retention_days", days, 1, MAX_RETENTION_DAYS)
        self._audit.check()
        with self._calls():
            row = {"name": self._name, "retention_days": days or 0, "embedding": [0.0, 1.0]}
            self._client.upsert(self._settings, [row])
        self._audit.record("retention", self._name, by=by, count=0, days=days)

    def retention_days(self) -> int | None:
        """None keeps everything."""
        with self._calls():
            found = self._client.query(self._settings, one_of("name", [self._name]), ["retention_days"])
        return found[0]["retention_days"] or None if found else None

    def close(self) -> None:
        """Calls after this raise UnknownGallery."""
        self._closed = True

    def _whole(self, entry_id: str) -> Entry:
        for entry in self.read([entry_id]):
            return entry
        raise UnknownEntry(f"gallery {self._name!r} has no entry {entry_id!r}")

    def _delete(self, where: str) -> int:
        with self._calls(), self._writing:
            count = self._count(where)
            if count:
                self._client.delete(self._collection, filter=where)
        return count

    def _with_thumbnails(self) -> list[Entry]:
        with self._calls():
            return list(map(to_entry, self._query("has_thumbnail == true", WHOLE, REWRITTEN_AT_ONCE)))

    def _compact(self) -> None:
        with self._calls():
            self._client.flush(self._collection)
            self._client.compact(self._collection)

    def _count(self, where: str) -> int:
        return int(self._client.query(self._collection, where, ["count(*)"])[0]["count(*)"])

    def _query(self, where: str, fields: list[str], limit: int) -> list[dict[str, Any]]:
        """The first `limit` in the order of the ids: that is what the iterator's flag makes Milvus promise."""
        return list(self._client.query(self._collection, where, fields, limit=limit, reduce_stop_for_best="True"))

    def _walk(self, fields: list[str]) -> Iterator[dict[str, Any]]:
        after = ""
        while True:
            with self._calls():
                rows = self._query(f"{ALL} and id > {quote(after)}", fields, MAX_PAGE)
            yield from rows
            if len(rows) < MAX_PAGE:
                return
            after = max(row["id"] for row in rows)

    @contextmanager
    def _calls(self) -> Iterator[None]:
        if self._closed:
            raise UnknownGallery(f"gallery {self._name!r} is closed")
        try:
            yield
        except MilvusException as error:
            raise StorageFailed(f"Milvus, gallery {self._name!r}: {error.message or error}") from error


class _Candidates:
    """What Milvus answers to one search, under numbers as `find` wants them."""

    def __init__(self, client: MilvusClient, collection: str, where: str) -> None:
        """where: an expression; empty for all."""
        self._client = client
        self._collection = collection
        self._where = where
        self._number_of: dict[str, int] = {}
        self._sightings: list[Sighting] = []

    def nearest(self, queries: Embedding, count: int) -> list[Hits]:
        """As in search.Nearest, for at most MOST candidates."""
        found = self._client.search(
            self._collection, queries.tolist(), self._where, min(count, MOST), SIGHTING, anns_field="embedding"
        )
        return [self._hits(list(hits)) for hits in found]

    def persons(self, slots: list[int]) -> dict[int, str | None]:
        """As in search.Persons."""
        return {slot: self._sightings[slot].person_id for slot in slots}

    def rows(self, slots: Slots) -> Embedding:
        """As in search.Rows. Raises StorageFailed where an entry was deleted since it was found."""
        ids = [self._sightings[slot].id for slot in slots.tolist()]
        found = self._client.query(self._collection, one_of("id", ids), ["id", "embedding"])
        row_of = {row["id"]: row["embedding"] for row in found}
        if gone := [key for key in ids if key not in row_of]:
            raise StorageFailed(
                f"{len(gone)} entries were deleted while they were searched, {gone[0]!r} first; ask again"
            )
        return np.asarray([row_of[key] for key in ids], np.float32)

    def matches(self, hits: Hits) -> list[Match]:
        """The answers of one query."""
        scores = hits.scores.clip(-1, 1).tolist()
        return [Match(self._sightings[slot], score) for slot, score in zip(hits.slots.tolist(), scores, strict=True)]

    def _hits(self, hits: list[Any]) -> Hits:
        slots = [self._number(hit["entity"]) for hit in hits]
        return Hits(np.asarray(slots, np.int64), np.asarray([hit["distance"] for hit in hits], np.float32))

    def _number(self, row: dict[str, Any]) -> int:
        if row["id"] not in self._number_of:
            self._number_of[row["id"]] = len(self._sightings)
            self._sightings.append(to_sighting(row))
        return self._number_of[row["id"]]
