"""Milvus Lite: the API of Milvus on one file, set up as its own documentation begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pymilvus import DataType, MilvusClient

from benchmarks.rivals.contender import CAMERAS, K, Rows, Where

NAME = "gallery"


class MilvusLite:
    """Milvus' API on one file, with the index it chooses itself."""

    def __init__(self, folder: Path, dim: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._client: Any = MilvusClient(str(folder / "milvus.db"))
        if not self._client.has_collection(NAME):
            schema = self._client.create_schema()
            schema.add_field("number", DataType.INT64, is_primary=True)
            schema.add_field("camera", DataType.INT64)
            schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
            index = self._client.prepare_index_params()
            index.add_index("vector", index_type="AUTOINDEX", metric_type="IP")
            self._client.create_collection(NAME, schema=schema, index_params=index)
        self._client.load_collection(NAME)

    def count(self) -> int:
        answer = self._client.query(NAME, filter="", output_fields=["count(*)"], consistency_level="Strong")
        return int(answer[0]["count(*)"])

    def add(self, begin: int, rows: Rows) -> None:
        numbered = enumerate(rows, begin)
        self._client.upsert(NAME, [{"number": n, "camera": n % CAMERAS, "vector": row} for n, row in numbered])

    def finish(self) -> None:
        self._client.flush(NAME)

    def search(self, query: Rows, where: Where) -> list[int]:
        condition = f"camera not in {list(where.not_cameras)}" if where.not_cameras else ""
        condition = f"number >= {where.since}" if where.since else condition
        (hits,) = self._client.search(NAME, [query.tolist()], limit=K, filter=condition)
        return [hit["number"] for hit in hits]

    def close(self) -> None:
        self._client.close()
