"""Heat maps of a whole data set on disk: an estimator runs once, training reads them by index.

A folder of three files: `heatmaps.u8`, (N, 17, h, w) uint8 (0 to 255 stand for 0 to 1), memory-mapped; `images.tsv`,
the names and sizes in bytes of the images, in the same order; and `cache.json`, which says what made them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from training.data.records import Record
from training.pose.groups import KEYPOINTS

_VERSION = 1
_HEATMAPS, _IMAGES, ABOUT = "heatmaps.u8", "images.tsv", "cache.json"


class PoseCacheError(ValueError):
    """The cache is missing, unfinished, damaged, or of other images or another estimator; the message says which."""


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What `cache.json` holds. fingerprint: of the images, in their order. estimator: name and weights, in words.
    height, width: of a heat map. count: images. done: how many of them, from the first on, are finished."""

    fingerprint: str
    estimator: str
    height: int
    width: int
    count: int
    done: int = 0
    version: int = _VERSION


class PoseCache:
    """Reads and, while it is being made, writes the heat maps of `records`; an image's index is its place there."""

    def __init__(self, path: Path, info: CacheInfo, rows: NDArray[np.int64], *, writable: bool = False) -> None:
        """Use `open` or `create`. rows: where in the file the heat maps of each record are."""
        self.path = path
        self.info = info
        self._rows = rows
        shape = (info.count, len(KEYPOINTS), info.height, info.width)
        self._heatmaps = np.memmap(path / _HEATMAPS, np.uint8, "r+" if writable else "r", shape=shape)

    def __len__(self) -> int:
        return len(self._rows)

    @classmethod
    def open(cls, path: Path, records: Sequence[Record]) -> PoseCache:
        """A finished cache of these records, or of more, in any order. Raises PoseCacheError."""
        info = read_info(path)
        if info.done < info.count:
            raise PoseCacheError(
                f"{path} has {info.done:,} of {info.count:,} images; the same `pose-cache` command finishes it"
            )
        return cls(path, info, _rows_of(path, info, records))

    @classmethod
    def create(cls, path: Path, records: Sequence[Record], estimator: str, size: tuple[int, int]) -> PoseCache:
        """A cache to write to: a new one, or an unfinished one of the same images, estimator and size (h, w).

        Raises PoseCacheError for a cache of something else, or where the disk is too small.
        """
        wanted = CacheInfo(fingerprint(records), estimator, *size, len(records))
        if (path / ABOUT).is_file():
            info = read_info(path)
            _check_same_images(path, info, wanted)
            if info.done:  # an empty one stands in nobody's way
                _check_same_making(path, info, wanted)
                return cls(path, info, np.arange(info.count), writable=True)
        _allocate(path, wanted)
        _write_images(path, records)
        _write_info(path, wanted)
        return cls(path, wanted, np.arange(wanted.count), writable=True)

    def read(self, indices: Tensor | ArrayLike, device: torch.device | str = "cpu") -> Tensor:
        """(B,) indices, on any device -> (B, 17, h, w) float32 in [0, 1], on `device`."""
        places = torch.as_tensor(indices, dtype=torch.int64).cpu().numpy()
        chosen: NDArray[np.uint8] = self._heatmaps[self._rows[places]]
        return torch.from_numpy(chosen).to(device).to(torch.float32).div_(255)  # bytes travel, not floats

    def append(self, heatmaps: Tensor) -> None:
        """Writes the next images' heat maps, (B, 17, h, w) in [0, 1]; `save` makes them last."""
        start, end = self.info.done, self.info.done + len(heatmaps)
        self._heatmaps[start:end] = heatmaps.clamp(0, 1).mul(255).round().to(torch.uint8).cpu().numpy()
        self.info = replace(self.info, done=end)

    def save(self) -> None:
        """What has been appended survives a crash from here on."""
        self._heatmaps.flush()
        _write_info(self.path, self.info)


def fingerprint(records: Sequence[Record]) -> str:
    """Of the images' names, sizes in bytes and order; where the data set lies does not matter."""
    digest = hashlib.sha256()
    for name, size in map(_image, records):
        digest.update(f"{name}\0{size}\n".encode())
    return digest.hexdigest()[:32]


def _check_same_images(path: Path, info: CacheInfo, wanted: CacheInfo) -> None:
    if (info.count, info.fingerprint) != (wanted.count, wanted.fingerprint):
        raise PoseCacheError(
            f"{path} is of {info.count:,} other images (fingerprint {info.fingerprint[:8]}…; these {wanted.count:,} "
            f"have {wanted.fingerprint[:8]}…); choose another folder"
        )


def _rows_of(path: Path, info: CacheInfo, records: Sequence[Record]) -> NDArray[np.int64]:
    """Each record's place in the cache, by name and size. Raises PoseCacheError naming the first that is not there."""
    if info.count == len(records) and info.fingerprint == fingerprint(records):
        return np.arange(info.count)
    rows: dict[tuple[str, int], int] = {}
    for row, image in enumerate(_read_images(path)):
        if image in rows:
            raise PoseCacheError(f"{path} has two images {image[0]!r} of the same size; it can only be used whole")
        rows[image] = row
    for record in records:
        if _image(record) not in rows:
            raise PoseCacheError(
                f"{path} is of other images: {record.path} ({record.path.stat().st_size:,} bytes) is not among its "
                f"{info.count:,}. Make a cache of these with `pose-cache`"
            )
    return np.array([rows[_image(record)] for record in records], dtype=np.int64)


def _image(record: Record) -> tuple[str, int]:
    return record.path.name, record.path.stat().st_size


def _write_images(path: Path, records: Sequence[Record]) -> None:
    lines = (f"{name}\t{size}\n" for name, size in map(_image, records))
    (path / _IMAGES).write_text("".join(lines), encoding="utf-8")


def _read_images(path: Path) -> list[tuple[str, int]]:
    try:
        lines = (path / _IMAGES).read_text(encoding="utf-8").splitlines()
        return [(name, int(size)) for name, size in (line.rsplit("\t", 1) for line in lines)]
    except (OSError, ValueError) as error:
        raise PoseCacheError(f"{path / _IMAGES} is missing or damaged: {error}") from error


def read_info(path: Path) -> CacheInfo:
    """What a cache says of itself, finished or not. Raises PoseCacheError where there is none or it is damaged."""
    file = path / ABOUT
    if not file.is_file():
        raise PoseCacheError(f"{path} is not a pose cache (no {ABOUT}); `python -m training pose-cache` makes one")
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        if values["version"] != _VERSION:
            raise PoseCacheError(f"{path} has version {values['version']}; this project reads {_VERSION}")
        info = CacheInfo(**{field.name: values[field.name] for field in fields(CacheInfo)})
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise PoseCacheError(f"{file} is damaged: {error}") from error
    expected = _bytes(info)
    found = (path / _HEATMAPS).stat().st_size if (path / _HEATMAPS).is_file() else 0
    if found != expected:
        raise PoseCacheError(f"{path / _HEATMAPS} has {found:,} bytes; {expected:,} expected")
    return info


def _write_info(path: Path, info: CacheInfo) -> None:
    """Replaces the file in one step, after what it promises is on disk."""
    temporary = path / f"{ABOUT}.new"
    temporary.write_text(json.dumps(asdict(info), indent=2) + "\n", encoding="utf-8")
    temporary.replace(path / ABOUT)


def _check_same_making(path: Path, there: CacheInfo, wanted: CacheInfo) -> None:
    if replace(there, done=0) != wanted:
        raise PoseCacheError(
            f"{path} was begun with {there.estimator} at {there.height}×{there.width}, not {wanted.estimator} at "
            f"{wanted.height}×{wanted.width}; choose another folder"
        )


def _allocate(path: Path, info: CacheInfo) -> None:
    path.mkdir(parents=True, exist_ok=True)
    needed, free = _bytes(info), shutil.disk_usage(path).free
    if needed > free:
        raise PoseCacheError(f"{path} needs {needed / 1e9:.1f} GB; {free / 1e9:.1f} GB are free")
    with (path / _HEATMAPS).open("wb") as file:
        file.truncate(needed)


def _bytes(info: CacheInfo) -> int:
    return info.count * len(KEYPOINTS) * info.height * info.width
