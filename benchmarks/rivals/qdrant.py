"""Qdrant without a server, set up as its own documentation begins."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from qdrant_client import QdrantClient, models

from benchmarks.rivals.contender import CAMERAS, K, Rows, Where

NAME = "gallery"


class Qdrant:
    """Local mode: SQLite for what is stored, a numpy scan for searches."""

    def __init__(self, folder: Path, dim: int) -> None:
        warnings.simplefilter("ignore")  # local mode warns of more than 20,000 points
        self._client: Any = QdrantClient(path=str(folder))
        if not self._client.collection_exists(NAME):
            self._client.create_collection(NAME, models.VectorParams(size=dim, distance=models.Distance.COSINE))

    def count(self) -> int:
        return int(self._client.count(NAME).count)

    def add(self, begin: int, rows: Rows) -> None:
        numbers = range(begin, begin + len(rows))
        payloads = [{"camera": n % CAMERAS, "second": n} for n in numbers]
        points = models.Batch(ids=list(numbers), vectors=rows, payloads=payloads)
        self._client.upsert(NAME, points)

    def finish(self) -> None:
        pass

    def search(self, query: Rows, where: Where) -> list[int]:
        answer = self._client.query_points(NAME, query.tolist(), query_filter=self._filter(where), limit=K)
        return [point.id for point in answer.points]

    def close(self) -> None:
        self._client.close()

    def _filter(self, where: Where) -> Any:
        field = models.FieldCondition
        excluded = [field(key="camera", match=models.MatchAny(any=list(where.not_cameras)))]
        since = [field(key="second", range=models.Range(gte=where.since))]
        return models.Filter(must_not=excluded if where.not_cameras else None, must=since if where.since else None)
