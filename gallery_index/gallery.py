"""The embedded gallery, as the service sees it: checks what comes in, searches, and writes down who asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from gallery_index.audit import AuditLog, describe
from gallery_index.database import Durability
from gallery_index.errors import ErasureUnfinished, InvalidRequest, UnknownEntry
from gallery_index.interface import EVERYTHING
from gallery_index.progress import Progress, no_progress
from gallery_index.scan import Hits
from gallery_index.search import Nearest, Request, all_but, answer, batches, find
from gallery_index.storage import Storage
from gallery_index.tuning import Tuning
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
from reid_contract import EmbeddingSpec


class EmbeddedGallery:
    """One gallery in a directory of its own. Implements interface.Gallery."""

    def __init__(
        self, directory: Path, audit: AuditLog, *, durability: Durability, threads: int, tuning: Tuning
    ) -> None:
        self._name = directory.name
        self._audit = audit
        self._storage = Storage(directory, durability, threads, tuning)
        self._store = self._storage.store
        self._embedding = self._store.embedding()

    @property
    def name(self) -> str:
        """Its folder's name."""
        return self._name

    @property
    def embedding(self) -> EmbeddingSpec:
        """The model it is bound to."""
        return self._embedding

    def upsert(self, entries: Sequence[Entry], *, by: str) -> int:
        """Stores entries, replacing those of the same id. Returns how many ids were new."""
        rows = check_entries(entries, self._embedding.dim)
        self._audit.check()
        new = self._storage.put(entries, rows) if entries else 0
        self._audit.record("enrol", self._name, by=by, count=len(entries), new=new)
        return new

    def get(self, entry_id: str) -> Sighting:
        """Raises UnknownEntry."""
        check_ids([entry_id])
        with self._storage.reading():
            found = self._store.by_ids([entry_id])
        for sighting in found.values():
            return sighting
        raise self._unknown(entry_id)

    def vector(self, entry_id: str) -> Embedding:
        """(D,) float32. Raises UnknownEntry."""
        return self._whole(entry_id).embedding

    def thumbnail(self, entry_id: str) -> bytes | None:
        """None where none was stored. Raises UnknownEntry."""
        return self._whole(entry_id).thumbnail

    def read(self, ids: Sequence[str]) -> list[Entry]:
        """Those that exist, in the order of their ids."""
        check_ids(ids)
        with self._storage.reading():
            found = self._store.by_ids(ids)
            thumbnails = self._store.thumbnails(list(found))
            rows = self._storage.vectors.rows[list(found)]  # a copy
        return [
            Entry(s.id, s.camera_id, s.captured_at, row, s.person_id, s.attributes, thumbnails.get(slot))
            for (slot, s), row in zip(found.items(), rows, strict=True)
        ]

    def delete(self, ids: Sequence[str], *, by: str) -> int:
        """Returns how many existed."""
        check_ids(ids)
        self._audit.check()
        count = self._storage.remove(ids) if ids else 0
        self._audit.record("delete", self._name, by=by, count=count, ids=list(ids))
        return count

    def erase(self, where: Filter, *, by: str) -> int:
        """Deletes what the filter allows; when this returns, no byte of it is left in any file."""
        check_filter(where)
        if where == EVERYTHING:
            raise InvalidRequest("the filter of an erasure is empty; allowed: one that says what to erase")
        return self._erased(partial(self._storage.erase, where), by=by, where=describe(where))

    def erase_thumbnails(self, *, by: str) -> int:
        """Deletes all pictures and keeps the entries; when this returns, no byte of them is left in any file."""
        return self._erased(self._storage.erase_thumbnails, by=by, what="thumbnails")

    def page(self, where: Filter = EVERYTHING, *, cursor: str | None = None, limit: int = 100) -> Page:
        """The cursor is the last id of the page before."""
        check_filter(where)
        check_number("limit", limit, 1, MAX_PAGE)
        check_ids([cursor] if cursor else [])
        with self._storage.reading():
            sightings = self._store.page(where, cursor or "", limit + 1)
        more = len(sightings) > limit
        return Page(tuple(sightings[:limit]), sightings[limit - 1].id if more else None)

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many entries the filter allows."""
        check_filter(where)
        with self._storage.reading():
            return self._store.count(where)

    def info(self) -> GalleryInfo:
        """Counts per camera and day."""
        with self._storage.reading():
            return self._store.info(self._name)

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
        """As in interface.Gallery.search; the answers are those of an exact scan."""
        queries = check_queries(queries, self._embedding.dim)
        check_search(k, min_score, fuse, rerank=rerank)
        check_filter(where)
        check_ids([] if exclude_id is None else [exclude_id])
        request = Request(k, min_score, group_by_person, fuse, rerank)
        answers = [
            matches
            for batch in batches(request, queries)
            for matches in self._answers(request, batch, where=where, exclude_id=exclude_id)
        ]
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
        self._storage.set_retention(days)
        self._audit.record("retention", self._name, by=by, count=0, days=days)

    def retention_days(self) -> int | None:
        """None keeps everything."""
        with self._storage.reading():
            return self._store.retention_days()

    def finish_erasure(self) -> None:
        """Rewrites the files of an erasure that failed half way, if there was one."""
        self._storage.finish_erasure()

    def compact(self, progress: Progress = no_progress) -> None:
        """Gives the space of deleted entries back and rewrites what is cached."""
        self._storage.compact(progress)

    def close(self) -> None:
        """Waits for running calls."""
        self._storage.close()

    def _erased(self, erase: Callable[[], int], *, by: str, **details: object) -> int:
        """Notes what is gone, also where its bytes are not yet."""
        self._audit.check()
        try:
            count = erase()
        except ErasureUnfinished as unfinished:
            self._audit.record("erase", self._name, by=by, count=unfinished.count, finished=False, **details)
            raise
        self._audit.record("erase", self._name, by=by, count=count, **details)
        return count

    def _answers(
        self, request: Request, queries: Embedding, *, where: Filter, exclude_id: str | None
    ) -> list[list[Match]]:
        with self._storage.reading():
            nearest: Nearest = partial(self._storage.engine.nearest, allowed=self._storage.allowed(where))
            if exclude_id is not None:
                for slot in self._store.by_ids([exclude_id]):
                    nearest = all_but(slot, nearest)
            rows = self._storage.vectors.rows.__getitem__  # copies
            found = find(request, queries, nearest, self._store.persons, rows)
            sightings = self._store.by_slots([slot for one in found for slot in one.hits.slots.tolist()])

        def persons(slots: list[int]) -> dict[int, str | None]:
            return {slot: sightings[slot].person_id for slot in slots}

        return [_matches(answer(request, one, persons), sightings) for one in found]

    def _whole(self, entry_id: str) -> Entry:
        for entry in self.read([entry_id]):
            return entry
        raise self._unknown(entry_id)

    def _unknown(self, entry_id: str) -> UnknownEntry:
        return UnknownEntry(f"gallery {self._name!r} has no entry {entry_id!r}")


def _matches(hits: Hits, sightings: dict[int, Sighting]) -> list[Match]:
    scores = hits.scores.clip(-1, 1).tolist()
    return [Match(sightings[slot], score) for slot, score in zip(hits.slots.tolist(), scores, strict=True)]
