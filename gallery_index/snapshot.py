"""The coarse stage on disk: a cache, so that opening a gallery need not encode every embedding again.

One line of JSON (format, faiss version, model, sequence number, slots of each shard), then each shard's centre, scales
and codes, then the CRC-32 of all of it. It may be newer than its sequence number says, never older: replaying what
SQLite says was written later makes it exact. Raw codes and a checksum: a crafted file never reaches a parser of faiss.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery_index.coarse import Coarse
from gallery_index.files import replace_file
from gallery_index.shard import SHARD, Shard
from gallery_index.signs import BLOCK, block_bytes
from reid_contract import EmbeddingSpec

FILE = "coarse.snapshot"
FORMAT = 3  # 1: codes of embeddings that were not rotated; 2: codes with a scale each

_MAX_HEADER = 65_536
_SCALES_BYTES = 3 * 8


class Unusable(Exception):
    """The snapshot cannot be used; the message says why. The gallery is encoded anew."""


def save(path: Path, embedding: EmbeddingSpec, seq: int, slots: list[int], shards: Iterable[bytes]) -> None:
    """Writes atomically. slots: of each shard; shards: bytes of each, as `shard_bytes` gives them."""
    header = json.dumps(_identity(embedding) | {"seq": seq, "slots": slots}).encode() + b"\n"

    def chunks() -> Iterator[bytes]:
        checksum = zlib.crc32(header)
        yield header
        for data in shards:
            checksum = zlib.crc32(data, checksum)
            yield data
        yield checksum.to_bytes(4, "little")

    replace_file(path, chunks())


def shard_bytes(shard: Shard, slots: int) -> bytes:
    """Centre, scales, and codes of a shard's first slots."""
    return shard.centre.tobytes() + shard.scales.tobytes() + shard.codes[: slots // BLOCK].tobytes()


def load(path: Path, embedding: EmbeddingSpec, coarse: Coarse, newest: int) -> int:
    """Fills an empty coarse stage; returns the number of the last write it is sure to hold. Raises Unusable.

    newest: the number of SQLite's last write. A snapshot from after it belongs to another history.
    """
    try:
        data = np.memmap(path, np.uint8, "r")
    except FileNotFoundError:
        raise Unusable("there is no snapshot") from None
    except (OSError, ValueError) as error:
        raise Unusable(f"the snapshot cannot be read ({error})") from error
    header, begin = _header(data)
    for key, expected in _identity(embedding).items():
        if header.get(key) != expected:
            raise Unusable(f"the snapshot's {key} is {header.get(key)!r}, this gallery's is {expected!r}")
    if zlib.crc32(data[:-4].data) != int.from_bytes(data[-4:].tobytes(), "little"):
        raise Unusable("the snapshot is torn: its checksum is wrong")
    if header["seq"] > newest:
        raise Unusable(f"the snapshot was taken at write {header['seq']}, the gallery is at {newest}")
    per_block = block_bytes(embedding.dim)
    for slots in header["slots"]:
        parts = (4 * embedding.dim, _SCALES_BYTES, slots // BLOCK * per_block)
        centre, scales, codes = np.split(data[begin : begin + sum(parts)], np.cumsum(parts)[:-1])
        coarse.shards.append(Shard(embedding.dim, _copy(centre, np.float32), codes, _copy(scales, np.float64)))
        begin += sum(parts)
    return int(header["seq"])


def _copy(data: NDArray[np.uint8], kind: type[Any]) -> NDArray[Any]:
    """Of numbers that may begin anywhere."""
    return data.copy().view(kind)


def _identity(embedding: EmbeddingSpec) -> dict[str, Any]:
    """What must agree for the codes to mean anything."""
    shape = {"shard": SHARD, "block_bytes": block_bytes(embedding.dim)}
    return {"format": FORMAT, "faiss": faiss.__version__, "model_id": embedding.model_id, "dim": embedding.dim, **shape}


def _header(data: np.memmap[Any, np.dtype[np.uint8]]) -> tuple[dict[str, Any], int]:
    line, newline, _ = data[:_MAX_HEADER].tobytes().partition(b"\n")
    try:
        header = json.loads(line) if newline else None
    except ValueError:
        header = None
    if not isinstance(header, dict):
        raise Unusable("the snapshot is torn: it has no header")
    return header, len(line) + 1
