"""API keys: a file of hashes. The key itself is shown once, when it is made, and stored nowhere.

A key is `reid_<id>_<secret>`: the id finds the record, the secret (256 random bits) is compared as SHA-256 in constant
time. A slow password hash would protect guessable secrets; these cannot be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, get_args

from filelock import FileLock

from service.schemas import GALLERY_PATTERN

Scope = Literal["metrics", "embed", "search", "enrol", "erase", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

_KEY = re.compile(r"reid_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}")
_MAX_DAYS = 36_500
_NOBODY = hashlib.sha256(b"nobody").hexdigest()


class KeyFileError(ValueError):
    """The key file cannot be used, or a command on it makes no sense."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. scopes: what they may do; `admin` may do all. gallery: the only one they may touch, or None: any."""

    name: str
    scopes: frozenset[Scope]
    gallery: str | None = None

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or "admin" in self.scopes

    def sees(self, gallery: str) -> bool:
        return self.gallery is None or self.gallery == gallery


LOCAL = Principal("local", frozenset(SCOPES))
MASTER = Principal("REID_API_KEY", frozenset(SCOPES))


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What the file keeps of a key. Times are RFC 3339, UTC."""

    id: str
    name: str
    sha256: str
    scopes: tuple[Scope, ...]
    gallery: str | None
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None

    def valid(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < datetime.fromisoformat(self.expires_at))

    @property
    def principal(self) -> Principal:
        return Principal(self.name, frozenset(self.scopes), self.gallery)


class KeyFile:
    """The keys of one service. A change by the command line is seen by a running service with its next request.

    master: one more key, with every scope, that is in no file. open_at_first: everyone may come in until the first key
    is made; after that nobody without, even if the file is lost."""

    def __init__(self, path: Path, *, master: str | None = None, open_at_first: bool = False) -> None:
        self.path = path
        self._open = open_at_first and not master
        self._master = _digest(master) if master else None
        self._stamp: tuple[int, int] | None = None
        self._records: dict[str, KeyRecord] = {}

    def records(self) -> list[KeyRecord]:
        """All keys, revoked ones too. Raises KeyFileError for a file that is not one of ours."""
        self._refresh()
        return list(self._records.values())

    @property
    def open(self) -> bool:
        """Whether no key was ever made, and none is needed. Raises KeyFileError."""
        if self._open:
            self._open = not self.records()
        return self._open

    def authenticate(self, key: str) -> Principal | None:
        """Whose key this is; None where it is unknown, revoked or expired."""
        if self._master and hmac.compare_digest(_digest(key), self._master):
            return MASTER
        self._refresh()
        shape = _KEY.fullmatch(key)
        record = self._records.get(shape[1]) if shape else None
        given = _digest(shape[2] if shape else "")
        same = hmac.compare_digest(given, record.sha256 if record else _NOBODY)
        return record.principal if record and same and record.valid(datetime.now(UTC)) else None

    def create(
        self, name: str, scopes: Iterable[Scope], *, gallery: str | None = None, expires_days: int | None = None
    ) -> str:
        """Adds a key and returns it; it cannot be shown again."""
        if not _NAME.fullmatch(name):
            raise KeyFileError(f"the name {name!r} is not allowed: 1 to 64 letters, digits, spaces and . _ @ -")
        if gallery is not None and not re.fullmatch(GALLERY_PATTERN, gallery):
            raise KeyFileError(f"no gallery can be named {gallery!r}; allowed: {GALLERY_PATTERN}")
        if expires_days is not None and not 1 <= expires_days <= _MAX_DAYS:
            raise KeyFileError(f"expires_days is {expires_days}; allowed: 1 to {_MAX_DAYS}")
        key_id, secret, now = secrets.token_hex(6), secrets.token_urlsafe(32), datetime.now(UTC)
        expires = (now + timedelta(days=expires_days)).isoformat() if expires_days is not None else None
        with self._writing() as records:
            if any(r.name == name and r.valid(now) for r in records.values()):
                raise KeyFileError(f"a key named {name!r} is in use already; the audit log needs names that tell apart")
            records[key_id] = KeyRecord(
                key_id, name, _digest(secret), tuple(sorted(set(scopes))), gallery, now.isoformat(), expires
            )
        return f"reid_{key_id}_{secret}"

    def revoke(self, name_or_id: str) -> int:
        """Ends every valid key of that name or id. Returns how many; none is a KeyFileError."""
        now = datetime.now(UTC)
        with self._writing() as records:
            hit = [r for r in records.values() if name_or_id in {r.name, r.id} and r.revoked_at is None]
            if not hit:
                raise KeyFileError(f"no key named {name_or_id!r} is in use")
            for record in hit:
                records[record.id] = KeyRecord(**{**asdict(record), "revoked_at": now.isoformat()})
        return len(hit)

    def _refresh(self) -> None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._stamp, self._records = None, {}
            return
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            self._records = _load(self.path)
            self._stamp = stamp

    def _writing(self) -> _Writing:
        return _Writing(self.path)


class _Writing:
    """The records under a lock between processes; written whole, by replacement, when the block ends well."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(f"{path}.lock")

    def __enter__(self) -> dict[str, KeyRecord]:
        self._lock.acquire()
        self._records = _load(self._path) if self._path.exists() else {}
        return self._records

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                _save(self._path, self._records)
        finally:
            self._lock.release()


def _load(path: Path) -> dict[str, KeyRecord]:
    try:
        records = [KeyRecord(**{**r, "scopes": tuple(r["scopes"])}) for r in json.loads(path.read_text())["keys"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeyFileError(f"{path} is not a key file: {type(error).__name__}: {error}") from None
    for name, text in ((r.name, r.expires_at) for r in records if r.expires_at is not None):
        if not _instant(text):
            raise KeyFileError(
                f"{path}: expires_at of the key {name!r} is {text!r}; allowed: RFC 3339 with a time zone"
            )
    return {record.id: record for record in records}


def _instant(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _save(path: Path, records: dict[str, KeyRecord]) -> None:
    text = json.dumps({"keys": [asdict(record) for record in records.values()]}, indent=2)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".keys-")  # readable by its owner only
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
