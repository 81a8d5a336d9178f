"""What the service sees of a gallery, whatever keeps it: SQLite and faiss in a directory, or Milvus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gallery_index.types import Embedding, Entry, Filter, Fusion, GalleryInfo, Match, Page, Sighting
from reid_contract import EmbeddingSpec

EVERYTHING = Filter()


class Gallery(Protocol):
    """One gallery, bound to one embedding model. Every method may be called from any thread.

    A method that changes something returns only when the change is durable, and is atomic: all of it or nothing.
    `by` names who asked (an API key's name, a user) for the audit log.
    """

    @property
    def name(self) -> str:
        """1 to 64 of a-z, 0-9, '-' and '_', beginning with a letter or digit."""
        ...

    @property
    def embedding(self) -> EmbeddingSpec:
        """The model id and dim this gallery is bound to (no calibration)."""
        ...

    def upsert(self, entries: Sequence[Entry], *, by: str) -> int:
        """Stores entries, replacing those of the same id. Returns how many ids were new."""
        ...

    def get(self, entry_id: str) -> Sighting:
        """Raises UnknownEntry."""
        ...

    def vector(self, entry_id: str) -> Embedding:
        """The stored embedding, (D,) float32, for "more like this". Raises UnknownEntry."""
        ...

    def thumbnail(self, entry_id: str) -> bytes | None:
        """The stored JPEG; None where none was stored. Raises UnknownEntry."""
        ...

    def read(self, ids: Sequence[str]) -> list[Entry]:
        """Whole entries, with embeddings and thumbnails: those that exist, in the order of their ids."""
        ...

    def delete(self, ids: Sequence[str], *, by: str) -> int:
        """Returns how many existed; unknown ids are no error."""
        ...

    def erase(self, where: Filter, *, by: str) -> int:
        """Deletes what the filter allows and wipes it: no byte of it is left in any file when this returns.

        Raises InvalidRequest for a filter that allows everything."""
        ...

    def erase_thumbnails(self, *, by: str) -> int:
        """Wipes all pictures as `erase` does, and keeps the entries. Returns how many pictures there were."""
        ...

    def page(self, where: Filter = EVERYTHING, *, cursor: str | None = None, limit: int = 100) -> Page:
        """limit: 1 to 1000. Entries that are there throughout appear exactly once, whatever changes meanwhile."""
        ...

    def count(self, where: Filter = EVERYTHING) -> int: ...

    def info(self) -> GalleryInfo: ...

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
        """queries: (Q, D) float32 of length 1, Q >= 1. k: 1 to 100,000, with `rerank` to 200.

        Returns Q lists of at most k matches, best first; with `fuse` the queries are one track and the list is one:
        "mean" searches their normalised mean, "best" gives each entry its best score over the queries.
        group_by_person: the best match of each person only (entries without a person stand for themselves).
        rerank: k-reciprocal re-ranking (Zhong et al. 2017) of the top candidates; scores stay cosines.
        exclude_id: an entry that is not among the answers, for "more like this"; one that is not there is no error.
        """
        ...

    def set_retention(self, days: int | None, *, by: str) -> None:
        """Entries whose captured_at is older than `days` are erased; None keeps them."""
        ...


class Galleries(Protocol):
    """All galleries of one data directory (or one Milvus database)."""

    def names(self) -> list[str]: ...

    def create(self, name: str, embedding: EmbeddingSpec, *, by: str) -> Gallery:
        """Idempotent for the same model; raises ModelMismatch where it exists for another."""
        ...

    def open(self, name: str, embedding: EmbeddingSpec | None = None) -> Gallery:
        """Raises UnknownGallery; ModelMismatch where `embedding` is given and differs in model id or dim."""
        ...

    def drop(self, name: str, *, by: str) -> None:
        """Removes a gallery and wipes its files. Raises UnknownGallery."""
        ...

    def expire(self) -> int:
        """Erases what is past its gallery's retention; the service calls it now and then. Returns how many."""
        ...

    def close(self) -> None:
        """Waits for running calls, writes a last snapshot, gives up the directory."""
        ...
