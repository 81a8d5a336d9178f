"""From a URL to galleries."""

from __future__ import annotations

from pathlib import Path

from gallery_index.database import Durability
from gallery_index.directory import EmbeddedGalleries
from gallery_index.errors import InvalidRequest
from gallery_index.interface import Galleries


def connect(url: str, *, durability: Durability = "full", threads: int | None = None) -> Galleries:
    """The galleries behind a URL: `file:DATA_DIR` or `milvus://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`.

    durability: of `file:`, "full" (what was acknowledged survives a power cut) or "process" (a killed process).
    threads: of `file:`, for one search; None takes one a core, which in a container is more than its quota may be.
    Raises InvalidRequest for another URL, DirectoryInUse, StorageFailed.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "file" and rest and not rest.startswith("//"):
        return EmbeddedGalleries(Path(rest), durability=durability, threads=threads)
    if scheme == "milvus" and rest.startswith("//"):
        try:
            from gallery_index.milvus import MilvusGalleries  # noqa: PLC0415 - pymilvus is an extra of its own
        except ModuleNotFoundError as error:
            raise InvalidRequest(f"milvus:// needs the package {error.name}: pip install '.[milvus]'") from None
        return MilvusGalleries(url)
    told = f"{scheme}:…" if "@" in url else url  # a password may be in it
    raise InvalidRequest(f"gallery URL is {told!r}; allowed: file:DATA_DIR or milvus://HOST:PORT")
