"""POST /search: crops, embeddings or an entry's id in, ranked matches out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray

from gallery_index.interface import Gallery
from gallery_index.types import Match
from service.answer_schemas import SearchAnswer, match_answer
from service.answers import errors_of, json_answer
from service.bodies import JSON, ROWS, base64_crops, crops_of, json_alone, media_type, rows_of, vectors
from service.dependencies import MaySearch, Svc
from service.errors import BadCrop, BadRequest, WrongModel
from service.keys import Principal
from service.openapi import crop_bodies, problems
from service.pipeline import Crop
from service.schemas import SearchBody, SearchQuery
from service.services import Services
from service.tracing import stage

router = APIRouter(tags=["search"])

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Question:
    """A request taken apart: exactly one of crops, rows and like."""

    options: SearchQuery | SearchBody
    crops: Sequence[Crop] = ()
    rows: Rows | None = None
    like: str | None = None

    @property
    def weight(self) -> int:
        """Crops it counts as at admission."""
        return len(self.crops) or (1 if self.rows is None else len(self.rows))


@router.post(
    "/search",
    response_model=SearchAnswer,
    responses=problems(401, 403, 404, 409, 413, 415, 422, 429, 503, 504),
    openapi_extra=crop_bodies(SearchBody, rows=True),
)
async def search(request: Request, svc: Svc, principal: MaySearch, query: Annotated[SearchQuery, Query()]) -> Response:
    """Searches a gallery. Options are query parameters, or with a JSON body fields of its object."""
    with svc.receive(request) as reading:
        question = _question(request, await reading.read(), query, svc)
        if question.options.k > svc.settings.max_k:
            raise BadRequest(f"k is {question.options.k}; allowed: 1 to {svc.settings.max_k}")
        gallery = await svc.in_thread(svc.timely(request, svc.gallery), question.options.gallery, principal)
        with svc.admission.admit(question.weight):
            queries, indices, failures = await _queries(request, question, gallery, svc)
            results = await _results(request, queries, question, gallery, svc, principal) if len(queries) else []
    return json_answer(
        {
            "gallery": gallery.name,
            "model_id": svc.space.model_id,
            "results": [{"query": indices[i], "matches": matches} for i, matches in enumerate(results)],
            "errors": errors_of(failures),
        }
    )


def _question(request: Request, body: bytes, query: SearchQuery, svc: Services) -> _Question:
    limit, kind = svc.settings.max_crops, media_type(request)
    if kind == ROWS:
        _same_model(request.headers.get("x-model-id"), svc)
        return _Question(query, rows=rows_of(body, svc.space.dim, limit))
    if kind != JSON:
        return _Question(query, crops=crops_of(request, body, limit))
    wish = json_alone(request, body, SearchBody)
    given = [name for name in ("images", "embeddings", "like") if getattr(wish, name) is not None]
    if len(given) != 1:
        raise BadRequest(f"give exactly one of images, embeddings and like; got {' and '.join(given) or 'none'}")
    if wish.images is not None:
        return _Question(wish, crops=base64_crops(wish.images, limit))
    if wish.embeddings is not None:
        _same_model(wish.model_id, svc)
        return _Question(wish, rows=vectors(wish.embeddings, svc.space.dim, limit))
    return _Question(wish, like=wish.like)


def _same_model(model_id: str | None, svc: Services) -> None:
    if model_id is not None and model_id != svc.space.model_id:
        raise WrongModel(f"the embeddings are of {model_id[:128]!r}; this service's model is {svc.space.model_id!r}")


async def _queries(
    request: Request, question: _Question, gallery: Gallery, svc: Services
) -> tuple[Rows, list[int], tuple[BadCrop, ...]]:
    """The query embeddings (Q, D), the place of each in the request, and the crops that were skipped."""
    if question.rows is not None:
        return question.rows, list(range(len(question.rows))), ()
    if question.like is not None:
        row = await svc.in_thread(gallery.vector, question.like)
        return row[None], [0], ()
    embedded = await svc.embed(request, question.crops, skip_bad=question.options.on_error == "skip")
    good = embedded.good
    return embedded.rows[good], good, embedded.failures


async def _results(
    request: Request, queries: Rows, question: _Question, gallery: Gallery, svc: Services, principal: Principal
) -> list[list[dict[str, Any]]]:
    options = question.options
    started = time.monotonic()
    with stage("search"):
        lists = await svc.in_time(
            request,
            gallery.search,
            queries,
            k=options.k,
            where=options.where(),
            group_by_person=options.group_by == "person",
            min_score=options.min_score,
            fuse=options.fuse,
            rerank=options.rerank,
            exclude_id=question.like,
            by=principal.name,
        )
    svc.metrics.search_seconds.observe(time.monotonic() - started)
    return [_with_probability(matches, svc) for matches in lists]


def _with_probability(matches: Sequence[Match], svc: Services) -> list[dict[str, Any]]:
    calibration = svc.space.calibration
    if calibration is None:
        return [match_answer(match, None) for match in matches]
    chances = calibration.probability([match.score for match in matches])
    return [match_answer(match, float(chance)) for match, chance in zip(matches, chances, strict=True)]
