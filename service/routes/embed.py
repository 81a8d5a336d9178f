"""POST /embed: crops in, embeddings out."""

from __future__ import annotations

import math
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from service.answer_schemas import EmbedAnswer
from service.answers import errors_of, json_answer, rows_answer, wants_rows
from service.bodies import JSON, base64_crops, crops_of, json_alone, media_type
from service.dependencies import MayEmbed, Svc
from service.openapi import ROWS_TOO, crop_bodies, problems
from service.pipeline import Embedded
from service.schemas import EmbedBody, EmbedQuery

router = APIRouter(tags=["embed"])


@router.post(
    "/embed",
    response_model=EmbedAnswer,
    responses=problems(401, 403, 413, 415, 422, 429, 503, 504, also={200: ROWS_TOO}),
    openapi_extra=crop_bodies(EmbedBody),
)
async def embed(request: Request, svc: Svc, _: MayEmbed, query: Annotated[EmbedQuery, Query()]) -> Response:
    """Embeds crops. `Accept: application/octet-stream` answers raw little-endian float32 rows."""
    with svc.receive(request) as reading:
        body = await reading.read()
        wish: EmbedQuery | EmbedBody = query
        if media_type(request) == JSON:
            wish = json_alone(request, body, EmbedBody)
            crops = base64_crops(wish.images, svc.settings.max_crops)
        else:
            crops = crops_of(request, body, svc.settings.max_crops)
        with svc.admission.admit(len(crops)):
            embedded = await svc.embed(request, crops, skip_bad=wish.on_error == "skip")
    model_id = svc.space.model_id
    if wants_rows(request):
        return rows_answer(embedded.rows, embedded.failures, model_id)
    return json_answer({"model_id": model_id, "dim": svc.space.dim, **_as_json(embedded)})


def _as_json(embedded: Embedded) -> dict[str, Any]:
    rows = [None if math.isnan(row[0]) else row for row in embedded.rows]
    return {"embeddings": rows, "errors": errors_of(embedded.failures)}
