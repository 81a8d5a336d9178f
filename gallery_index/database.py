"""A SQLite file in WAL mode: one connection that writes, a pool of connections that read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Literal

from gallery_index.errors import StorageFailed

Durability = Literal["full", "process"]
Value = str | int | bytes | None

_SYNCHRONOUS = {"full": "FULL", "process": "NORMAL"}
_LOG_KEPT = 2**20  # bytes
_RESTORE = "restore it from a backup or import an export"


class Database:
    """Every failure of SQLite becomes StorageFailed. durability: "full" survives a power cut, "process" a kill."""

    def __init__(self, path: Path, durability: Durability) -> None:
        self.path = path
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        if not path.is_file():
            raise StorageFailed(f"{path} is missing; {_RESTORE}")
        with self._failures():
            self._writer = self._connect()
            self._writer.execute("PRAGMA journal_mode = WAL")
            self._writer.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
            self._writer.execute("PRAGMA wal_autocheckpoint = 0")  # a checkpoint must wait for the vector file
            self._writer.execute(f"PRAGMA journal_size_limit = {_LOG_KEPT}")  # or the log never becomes shorter
            self._writer.execute("PRAGMA secure_delete = ON")
        self._check_whole()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One at a time. Rolls back unless `commit` was called inside."""
        with self._failures():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    def commit(self) -> None:
        """When this returns, the transaction's changes are durable."""
        with self._failures():
            self._writer.execute("COMMIT")

    def write(self, sql: str, *values: Value) -> list[tuple[Any, ...]]:
        """Within a transaction, which it sees."""
        with self._failures():
            return self._writer.execute(sql, values).fetchall()

    def write_many(self, sql: str, rows: Iterable[tuple[Value, ...]]) -> None:
        """Within a transaction."""
        with self._failures():
            self._writer.executemany(sql, rows)

    def read(self, sql: str, *values: Value) -> list[tuple[Any, ...]]:
        """What is committed, from any thread."""
        with self._failures(), self._reader() as connection:
            return connection.execute(sql, values).fetchall()

    def read_one(self, sql: str, *values: Value) -> Any:
        """The only value of the only row."""
        return self.read(sql, *values)[0][0]

    def log_bytes(self) -> int:
        """Size of the write-ahead log."""
        log = Path(f"{self.path}-wal")
        return log.stat().st_size if log.exists() else 0

    def checkpoint(self) -> None:
        """Moves what it can from the log into the file, without waiting for readers. Sync the vectors first."""
        self.write("PRAGMA wal_checkpoint(PASSIVE)")

    def empty_log(self) -> None:
        """Checkpoints everything and truncates the log. Nobody may be reading."""
        ((busy, _, _),) = self.write("PRAGMA wal_checkpoint(TRUNCATE)")
        if busy:
            raise StorageFailed(f"the log of {self.path} could not be emptied: another process reads the file")

    def vacuum(self) -> None:
        """Writes the file anew. secure_delete alone leaves copies behind where SQLite moved cells between pages.

        Its temporary copy lies beside the file: where the system keeps such, there may be too little room."""
        beside = str(self.path.parent).replace("'", "''")
        self.write(f"PRAGMA temp_store_directory = '{beside}'")
        self.write("VACUUM")

    def close(self) -> None:
        """Readers must be gone."""
        while not self._idle.empty():
            self._idle.get_nowait().close()
        self._writer.close()

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
        try:
            yield connection
        finally:
            self._idle.put(connection)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)

    def _check_whole(self) -> None:
        """SQLite meets a missing page only when it needs it; a gallery must not open and fail later."""
        self.empty_log()
        expected = self.write("PRAGMA page_count")[0][0] * self.write("PRAGMA page_size")[0][0]
        if (size := self.path.stat().st_size) < expected:
            raise StorageFailed(f"{self.path} is cut: {size} of {expected} bytes are there; {_RESTORE}")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            damaged = getattr(error, "sqlite_errorname", "") in {"SQLITE_CORRUPT", "SQLITE_NOTADB"}
            advice = f"; the file is damaged, {_RESTORE}" if damaged else ""
            raise StorageFailed(f"{self.path}: {error}{advice}") from error
