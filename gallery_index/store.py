"""What SQLite knows of a gallery: all but the embeddings themselves, and their checksums."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gallery_index.database import Database, Durability
from gallery_index.errors import StorageFailed
from gallery_index.filters import canonical, microseconds, moment, where_clause
from gallery_index.schema import FORMAT, SCHEMA
from gallery_index.types import NO_ATTRIBUTES, Entry, Filter, GalleryInfo, Sighting
from gallery_index.vectors import Slots
from reid_contract import EmbeddingSpec

FILE = "gallery.sqlite"

_DAY = 86_400_000_000  # microseconds
_COLUMNS = "slot, id, camera_id, captured_at, person_id, attributes, slot IN (SELECT slot FROM thumbnail)"
_LISTED = "IN (SELECT value FROM json_each(?))"


class Store:
    """Statements that change something run within `db.transaction()`; the others may come from any thread."""

    def __init__(self, path: Path, durability: Durability) -> None:
        self.db = Database(path, durability)
        found = self._meta("format")
        if found != str(FORMAT):
            raise StorageFailed(f"{path} has format {found}, this version reads format {FORMAT}")

    @staticmethod
    def create(path: Path, embedding: EmbeddingSpec) -> None:
        """A new, empty gallery, bound to the model."""
        path.touch(0o600)
        db = Database(path, "full")
        meta = {"format": str(FORMAT), "model_id": embedding.model_id, "dim": str(embedding.dim), "clean": "yes"}
        with db.transaction():
            for statement in filter(str.strip, SCHEMA.split(";")):
                db.write(statement)
            db.write_many("INSERT INTO meta VALUES (?, ?)", meta.items())
            db.commit()
        db.close()

    def next_seq(self) -> int:
        """The number of the write that is under way."""
        return int(self.db.write("UPDATE counter SET value = value + 1 WHERE name = 'seq' RETURNING value")[0][0])

    def slots_of(self, ids: Sequence[str]) -> list[int]:
        """Slots of those ids that exist, as the transaction sees them."""
        return [slot for (slot,) in self.db.write(f"SELECT slot FROM entry WHERE id {_LISTED}", _array(ids))]

    def insert(self, entries: Sequence[Entry], slots: Sequence[int], checksums: Sequence[int], seq: int) -> None:
        """Entry i into slot i; neither the ids nor the slots may exist."""
        placed = list(zip(entries, slots, strict=True))
        self.db.write_many(
            "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (slot, e.id, seq, checksum, e.camera_id, microseconds(e.captured_at), e.person_id, _attributes(e))
                for (e, slot), checksum in zip(placed, checksums, strict=True)
            ),
        )
        self.db.write_many(
            "INSERT INTO attribute VALUES (?, ?, ?)",
            ((key, canonical(value), slot) for e, slot in placed for key, value in e.attributes.items()),
        )
        self.db.write_many(
            "INSERT INTO thumbnail VALUES (?, ?)",
            ((slot, e.thumbnail) for e, slot in placed if e.thumbnail is not None),
        )

    def remove(self, slots: Sequence[int]) -> None:
        """Removes entries with all that belongs to them."""
        listed = _array(slots)
        if slots:
            self._unclean()
        described = self.db.write(
            f"SELECT slot, attributes FROM entry WHERE attributes <> '{{}}' AND slot {_LISTED}", listed
        )
        self.db.write_many(
            "DELETE FROM attribute WHERE key = ? AND value = ? AND slot = ?",
            ((key, canonical(value), slot) for slot, text in described for key, value in json.loads(text).items()),
        )
        self.db.write(f"DELETE FROM thumbnail WHERE slot {_LISTED}", listed)
        self.db.write(f"DELETE FROM entry WHERE slot {_LISTED}", listed)

    def remove_thumbnails(self) -> int:
        """All pictures; the entries stay. Returns how many there were."""
        count = len(self.db.write("DELETE FROM thumbnail RETURNING slot"))
        if count:
            self._unclean()
        return count

    def move(self, slot: int, to: int, seq: int) -> None:
        """Gives an entry another slot, for compaction."""
        for table in ("attribute", "thumbnail"):
            self.db.write(f"UPDATE {table} SET slot = ? WHERE slot = ?", to, slot)
        self.db.write("UPDATE entry SET slot = ?, seq = ? WHERE slot = ?", to, seq, slot)

    def set_retention(self, days: int | None) -> None:
        """None keeps everything."""
        self.db.write("DELETE FROM meta WHERE key = 'retention_days'")
        if days is not None:
            self.db.write("INSERT INTO meta VALUES ('retention_days', ?)", str(days))

    def set_erasing(self) -> None:
        """Marks an erasure whose files are not all rewritten yet; `set_clean` takes this back."""
        self.db.write("INSERT OR REPLACE INTO meta VALUES ('erasing', 'yes')")

    def erasing(self) -> bool:
        """Whether an erasure was interrupted."""
        return self._meta("erasing") is not None

    def set_clean(self) -> None:
        """Nothing that was ever removed is left in any file; whatever removes something takes this back."""
        self.db.write("DELETE FROM meta WHERE key = 'erasing'")
        self.db.write("INSERT OR REPLACE INTO meta VALUES ('clean', 'yes')")

    def clean(self) -> bool:
        """Whether an erasure that finds nothing may leave the files as they are."""
        return self._meta("clean") is not None

    def embedding(self) -> EmbeddingSpec:
        """The model this gallery is bound to."""
        return EmbeddingSpec(self._meta("model_id") or "", int(self._meta("dim") or 0))

    def retention_days(self) -> int | None:
        """None keeps everything."""
        days = self._meta("retention_days")
        return None if days is None else int(days)

    def seq(self) -> int:
        """Number of the last write."""
        return int(self.db.read_one("SELECT value FROM counter WHERE name = 'seq'"))

    def slots(self, where: Filter) -> Slots:
        """Slots of the allowed entries, ascending."""
        condition, values = where_clause(where)
        return np.sort(_numbers(self.db.read_one(f"SELECT group_concat(slot) FROM entry WHERE {condition}", *values)))

    def sightings_of_cameras(self) -> list[tuple[str, Slots, Slots]]:
        """(camera, slots, microseconds since 1970) of every entry, a camera after the other."""
        columns = "camera_id, group_concat(slot), group_concat(captured_at)"
        rows = self.db.read(f"SELECT {columns} FROM entry GROUP BY camera_id")
        return [(camera, _numbers(slots), _numbers(times)) for camera, slots, times in rows]

    def changed_since(self, seq: int) -> Slots:
        """Slots of the entries that were written after `seq`."""
        return _numbers(self.db.read_one("SELECT group_concat(slot) FROM entry WHERE seq > ?", seq))

    def checksums(self) -> list[tuple[int, int]]:
        """(slot, checksum) of every entry, in the order of the slots."""
        return self.db.read("SELECT slot, checksum FROM entry ORDER BY slot")

    def by_slots(self, slots: Sequence[int]) -> dict[int, Sighting]:
        """Those that exist, by slot."""
        rows = self.db.read(f"SELECT {_COLUMNS} FROM entry WHERE slot {_LISTED}", _array(slots))
        return dict(_sightings(rows))

    def by_ids(self, ids: Sequence[str]) -> dict[int, Sighting]:
        """Those that exist, by slot, in the order of their ids."""
        rows = self.db.read(f"SELECT {_COLUMNS} FROM entry WHERE id {_LISTED} ORDER BY id", _array(ids))
        return dict(_sightings(rows))

    def persons(self, slots: Sequence[int]) -> dict[int, str | None]:
        """Who is in these slots."""
        return dict(self.db.read(f"SELECT slot, person_id FROM entry WHERE slot {_LISTED}", _array(slots)))

    def thumbnails(self, slots: Sequence[int]) -> dict[int, bytes]:
        """Those that were stored, by slot."""
        return dict(self.db.read(f"SELECT slot, jpeg FROM thumbnail WHERE slot {_LISTED}", _array(slots)))

    def page(self, where: Filter, after: str, limit: int) -> list[Sighting]:
        """Those behind the id `after`, in the order of the ids."""
        condition, values = where_clause(where)
        sql = f"SELECT {_COLUMNS} FROM entry WHERE id > ? AND {condition} ORDER BY id LIMIT ?"
        return [sighting for _, sighting in _sightings(self.db.read(sql, after, *values, limit))]

    def count(self, where: Filter) -> int:
        """How many are allowed."""
        condition, values = where_clause(where)
        return int(self.db.read_one(f"SELECT count(*) FROM entry WHERE {condition}", *values))

    def info(self, name: str) -> GalleryInfo:
        """Counts per camera and UTC day."""
        embedding = self.embedding()
        day = f"captured_at / {_DAY} - (captured_at % {_DAY} < 0)"  # rounds down before 1970 too
        days = self.db.read(f"SELECT {day} AS day, count(*) FROM entry GROUP BY day ORDER BY day")
        cameras = self.db.read("SELECT camera_id, count(*) FROM entry GROUP BY camera_id ORDER BY camera_id")
        return GalleryInfo(
            name=name,
            model_id=embedding.model_id,
            dim=embedding.dim,
            entries=sum(count for _, count in cameras),
            persons=int(self.db.read_one("SELECT count(DISTINCT person_id) FROM entry")),
            cameras=dict(cameras),
            days={moment(number * _DAY).date().isoformat(): count for number, count in days},
            retention_days=self.retention_days(),
        )

    def complaints(self) -> list[str]:
        """What SQLite and the tables' relations have to complain about; empty if all is well."""
        found = [text for (text,) in self.db.read("PRAGMA integrity_check") if text != "ok"]
        if late := self.db.read_one("SELECT count(*) FROM entry WHERE seq > (SELECT value FROM counter)"):
            found.append(f"{late} entries have a sequence number above the counter")
        if orphans := self.db.read_one("SELECT count(*) FROM thumbnail WHERE slot NOT IN (SELECT slot FROM entry)"):
            found.append(f"{orphans} thumbnails belong to no entry")
        indexed = {(slot, key, value) for key, value, slot in self.db.read("SELECT key, value, slot FROM attribute")}
        told = {
            (slot, key, canonical(value))
            for slot, text in self.db.read("SELECT slot, attributes FROM entry WHERE attributes <> '{}'")
            for key, value in json.loads(text).items()
        }
        if wrong := indexed ^ told:
            found.append(f"{len(wrong)} attributes differ between the entries and their index")
        return found

    def _unclean(self) -> None:
        self.db.write("DELETE FROM meta WHERE key = 'clean'")

    def _meta(self, key: str) -> str | None:
        rows = self.db.read("SELECT value FROM meta WHERE key = ?", key)
        return rows[0][0] if rows else None


def _array(values: Sequence[str] | Sequence[int]) -> str:
    return json.dumps(list(values))


def _numbers(text: str | None) -> Slots:
    """One text of all numbers is several times faster than a row, a tuple and an int for each."""
    return np.fromstring(text, np.int64, sep=",") if text else np.empty(0, np.int64)


def _attributes(entry: Entry) -> str:
    return json.dumps(dict(entry.attributes), ensure_ascii=False, sort_keys=True)


def _sightings(rows: list[tuple[Any, ...]]) -> Iterator[tuple[int, Sighting]]:
    """With their slots. All attributes are read as one text: a call for each costs more than what is in it."""
    attributes = json.loads(f"[{','.join([row[5] for row in rows])}]")
    for (slot, entry_id, camera_id, captured_at, person_id, _, has_thumbnail), told in zip(
        rows, attributes, strict=True
    ):
        seen = moment(captured_at)
        yield slot, Sighting(entry_id, camera_id, seen, person_id, told or NO_ATTRIBUTES, bool(has_thumbnail))
