"""GET /model: what is served, in full."""

from __future__ import annotations

import dataclasses
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter, Response

from service.answer_schemas import ModelAnswer
from service.answers import json_answer
from service.dependencies import AnyKey, Svc
from service.openapi import problems

router = APIRouter(tags=["model"])


@router.get("/model", response_model=ModelAnswer, responses=problems(401))
async def model(svc: Svc, _: AnyKey) -> Response:
    """The model's contract, where inference runs, and the limits of a request."""
    return json_answer(
        {
            "model_id": svc.space.model_id,
            "dim": svc.space.dim,
            "metric": svc.space.metric,
            "calibration": _plain(svc.space.calibration),
            "preprocess": _plain(svc.encoder.preprocess),
            "provenance": _plain(svc.encoder.provenance),
            "provider": svc.encoder.provider,
            "service_version": service_version(),
            "limits": {
                "max_k": svc.settings.max_k,
                "max_crops": svc.settings.max_crops,
                "max_body_mib": svc.settings.max_body_mib,
                "max_pixels": svc.settings.max_pixels,
                "queue_crops": svc.settings.queue_crops,
            },
            "store_thumbnails": svc.settings.store_thumbnails,
        }
    )


def service_version() -> str:
    """Of the installed distribution."""
    try:
        return version("pgfl-kd-reid")
    except PackageNotFoundError:  # run from a checkout or an image without the distribution's metadata
        return "unknown"


def _plain(section: Any) -> Any:
    return None if section is None else dataclasses.asdict(section)
