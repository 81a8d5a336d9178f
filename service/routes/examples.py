"""Example queries for the search page: a folder of crops the operator chose."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.responses import FileResponse

from service.answer_schemas import ExamplesAnswer
from service.answers import json_answer
from service.dependencies import MaySearch, Svc
from service.errors import NotThere
from service.openapi import problems

router = APIRouter(prefix="/examples", tags=["page"])

_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
_AT_MOST = 200


@router.get("", response_model=ExamplesAnswer, responses=problems(401, 403))
async def names(svc: Svc, _: MaySearch) -> Response:
    """The example queries, by file name; none where --examples-dir is not set."""
    return json_answer({"examples": await svc.in_thread(_names, svc.settings.examples_dir)})


@router.get(
    "/{name}",
    response_class=Response,
    responses=problems(401, 403, 404, also={200: {"content": {kind: {} for kind in sorted(set(_TYPES.values()))}}}),
)
async def example(
    name: Annotated[str, Path(description="As GET /examples lists it.")], svc: Svc, _: MaySearch
) -> Response:
    """One example query."""
    folder = svc.settings.examples_dir
    if folder is None or name not in await svc.in_thread(_names, folder):
        raise NotThere(f"no example named {name!r}")
    return FileResponse(folder / name, media_type=_TYPES[FilePath(name).suffix.lower()])


def _names(folder: FilePath | None) -> list[str]:
    """Pictures in the folder itself, never in others: a listed name has no way out of it."""
    if folder is None or not folder.is_dir():
        return []
    return sorted(f.name for f in folder.iterdir() if f.suffix.lower() in _TYPES and f.is_file())[:_AT_MOST]
