"""How answers are written: JSON by orjson, or raw rows for those who ask for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from fastapi import Request
from numpy.typing import NDArray
from starlette.responses import Response

from service.errors import BadCrop

ROWS = "application/octet-stream"


def json_answer(content: Any, status: int = 200) -> Response:
    """`content` as orjson writes it: numpy rows directly, times in UTC with a Z."""
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z
    return Response(orjson.dumps(content, option=options), status, media_type="application/json")


def wants_rows(request: Request) -> bool:
    """Whether the caller asked for raw float32 rows."""
    return ROWS in request.headers.get("accept", "")


def rows_answer(rows: NDArray[np.float32], failures: tuple[BadCrop, ...], model_id: str) -> Response:
    """Little-endian float32 rows, one after the other; NaN in the rows that X-Skipped lists."""
    headers = {
        "X-Embedding-Count": str(rows.shape[0]),
        "X-Embedding-Dim": str(rows.shape[1]),
        "X-Model-Id": model_id,
    }
    if failures:
        headers["X-Skipped"] = ",".join(str(failure.index) for failure in failures)
    return Response(rows.astype("<f4", copy=False).tobytes(), headers=headers, media_type=ROWS)


def errors_of(failures: tuple[BadCrop, ...]) -> list[dict[str, Any]]:
    """The `errors` of an answer, as plain data."""
    return [{"index": failure.index, "detail": failure.reason} for failure in failures]
