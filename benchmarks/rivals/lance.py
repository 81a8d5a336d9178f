"""LanceDB, which has no server, set up as its own documentation begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa

from benchmarks.rivals.contender import CAMERAS, K, Rows, Where

NAME = "gallery"


class LanceDB:
    """IVF with product quantisation and exact re-ranking of 10 × k."""

    def __init__(self, folder: Path, dim: int) -> None:
        self._dim = dim
        database: Any = lancedb.connect(str(folder))
        fields = [("vector", pa.list_(pa.float32(), dim)), ("number", pa.int64()), ("camera", pa.int64())]
        self._table: Any = database.create_table(NAME, schema=pa.schema(fields), exist_ok=True)

    def count(self) -> int:
        return int(self._table.count_rows())

    def add(self, begin: int, rows: Rows) -> None:
        numbers = list(range(begin, begin + len(rows)))
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), self._dim)
        cameras = [n % CAMERAS for n in numbers]
        self._table.add(pa.table([vectors, numbers, cameras], names=["vector", "number", "camera"]))

    def finish(self) -> None:
        self._table.create_index(metric="cosine", num_partitions=256, num_sub_vectors=self._dim // 16)

    def search(self, query: Rows, where: Where) -> list[int]:
        asked = self._table.search(query).distance_type("cosine").limit(K).nprobes(20).refine_factor(10)
        conditions = [f"camera NOT IN {where.not_cameras}"] * bool(where.not_cameras)
        conditions += [f"number >= {where.since}"] * bool(where.since)
        if conditions:
            asked = asked.where(" AND ".join(conditions), prefilter=True)
        return [row["number"] for row in asked.select(["number", "_distance"]).to_list()]

    def close(self) -> None:
        pass
