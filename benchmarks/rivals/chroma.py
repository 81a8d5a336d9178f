"""Chroma without a server, set up as its own documentation begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import chromadb

from benchmarks.rivals.contender import CAMERAS, K, Rows, Where

NAME = "gallery"


class Chroma:
    """SQLite for what is stored, an HNSW graph for searches."""

    def __init__(self, folder: Path, dim: int) -> None:
        settings = chromadb.Settings(anonymized_telemetry=False)
        self._collection: Any = chromadb.PersistentClient(str(folder), settings).get_or_create_collection(
            NAME, configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
        )

    def count(self) -> int:
        return int(self._collection.count())

    def add(self, begin: int, rows: Rows) -> None:
        numbers = range(begin, begin + len(rows))
        metadatas = [{"camera": n % CAMERAS, "second": n} for n in numbers]
        self._collection.upsert(ids=[str(n) for n in numbers], embeddings=rows, metadatas=metadatas)

    def finish(self) -> None:
        pass

    def search(self, query: Rows, where: Where) -> list[int]:
        condition = {"camera": {"$nin": list(where.not_cameras)}} if where.not_cameras else None
        condition = {"second": {"$gte": where.since}} if where.since else condition
        answer = self._collection.query(query_embeddings=query[None], n_results=K, where=condition, include=[])
        return [int(n) for n in answer["ids"][0]]

    def close(self) -> None:
        pass
