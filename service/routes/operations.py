"""What an operator's machinery asks: alive, ready, how fast."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from service.answer_schemas import StatusAnswer
from service.answers import json_answer
from service.dependencies import AnyKey, Svc
from service.errors import problem
from service.openapi import problems

router = APIRouter(tags=["operations"])


@router.head("/livez", include_in_schema=False)
@router.get("/livez", response_model=StatusAnswer)
async def livez() -> Response:
    """200 as long as the event loop turns."""
    return json_answer({"status": "alive"})


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", response_model=StatusAnswer, responses=problems(503))
async def readyz(svc: Svc) -> Response:
    """200 when traffic may come; after a failed batch only once the model has embedded a probe."""
    complaint = await svc.complaint()
    if complaint is not None:
        return problem(503, "Not ready", complaint, {"Retry-After": "5"})
    return json_answer({"status": "ready"})


@router.get("/metrics", response_class=Response, responses=problems(401))
async def metrics(svc: Svc, principal: AnyKey) -> Response:
    """Prometheus' text format; sizes of the galleries that the key may see."""
    sizes = await svc.in_thread(svc.gallery_sizes, principal)
    return Response(svc.metrics.render(sizes), media_type=CONTENT_TYPE_LATEST)
