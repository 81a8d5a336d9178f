"""faiss as it comes: the vectors in memory, saved as one file when told to. It knows no metadata: the allowed ids of a
filter are worked out before, which is not timed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from benchmarks.rivals.contender import K, Rows, Where


class FaissFlat:
    """Exact."""

    def __init__(self, folder: Path, dim: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file, self._dim = folder / "index.faiss", dim
        self._index: Any = faiss.read_index(str(self._file)) if self._file.exists() else self.make()
        self._selector = lru_cache(self._select)

    def make(self) -> Any:
        """An empty index."""
        return faiss.IndexFlatIP(self._dim)

    def parameters(self, selector: Any) -> Any:
        """Of one search."""
        return faiss.SearchParameters(sel=selector)

    def count(self) -> int:
        return int(self._index.ntotal)

    def add(self, begin: int, rows: Rows) -> None:
        self._index.add(rows)

    def finish(self) -> None:
        faiss.write_index(self._index, str(self._file))

    def search(self, query: Rows, where: Where) -> list[int]:
        found = self._index.search(query[None], K, params=self.parameters(self._selector(where)))[1][0]
        return [int(n) for n in found if n >= 0]

    def close(self) -> None:
        pass

    def _select(self, where: Where) -> Any:
        if where == Where():
            return None
        return faiss.IDSelectorBitmap(np.packbits(where.allowed(0, self.count()), bitorder="little"))


class FaissHNSW(FaissFlat):
    """32 links an entry, 128 candidates a search; it cannot remove."""

    def make(self) -> Any:
        return faiss.IndexHNSWFlat(self._dim, 32, faiss.METRIC_INNER_PRODUCT)

    def parameters(self, selector: Any) -> Any:
        return faiss.SearchParametersHNSW(sel=selector, efSearch=128)


class FaissIVF(FaissFlat):
    """256 cells, of which 16 are searched; trained on the first 20,000 entries."""

    def __init__(self, folder: Path, dim: int) -> None:
        super().__init__(folder, dim)
        self._waiting: list[Rows] = []

    def add(self, begin: int, rows: Rows) -> None:
        self._waiting.append(rows)
        if self._index.is_trained or sum(map(len, self._waiting)) >= 20_000:
            self.finish_waiting()

    def finish(self) -> None:
        self.finish_waiting()
        super().finish()

    def finish_waiting(self) -> None:
        """Trains if that is still to be done, and adds what has gathered."""
        if self._waiting:
            rows = np.concatenate(self._waiting)
            if not self._index.is_trained:
                self._index.train(rows)
            self._index.add(rows)
            self._waiting.clear()

    def make(self) -> Any:
        return faiss.IndexIVFFlat(faiss.IndexFlatIP(self._dim), self._dim, 256, faiss.METRIC_INNER_PRODUCT)

    def parameters(self, selector: Any) -> Any:
        return faiss.SearchParametersIVF(sel=selector, nprobe=16)
