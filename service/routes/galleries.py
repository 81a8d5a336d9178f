"""Galleries: made, looked at, removed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from service.answer_schemas import GalleriesAnswer, GalleryAnswer, gallery_answer
from service.answers import json_answer
from service.bodies import json_of
from service.dependencies import MayAdmin, MaySearch, Svc, no_options
from service.errors import Forbidden
from service.openapi import json_body, problems
from service.schemas import GALLERY_PATTERN, GalleryBody

router = APIRouter(prefix="/galleries", tags=["galleries"], dependencies=[Depends(no_options)])

GalleryName = Annotated[str, Path(description="Name of the gallery.")]
NewName = Annotated[
    str, Path(pattern=GALLERY_PATTERN, description="1 to 64 of a-z, 0-9, '-' and '_', first a letter or digit.")
]


@router.get("", response_model=GalleriesAnswer, responses=problems(401, 403, 503))
async def names(svc: Svc, principal: MaySearch) -> Response:
    """The galleries this key may see."""
    found = await svc.in_thread(svc.galleries.names)
    return json_answer({"galleries": [name for name in found if principal.sees(name)]})


@router.put(
    "/{gallery}",
    response_model=GalleryAnswer,
    responses=problems(401, 403, 409, 413, 415, 422, 429, 503),
    openapi_extra=json_body(GalleryBody, required=False),
)
async def create(request: Request, gallery: NewName, svc: Svc, principal: MayAdmin) -> Response:
    """Makes a gallery for the served model; one that is there stays as it is, apart from a retention that is given."""
    if not principal.sees(gallery):
        raise Forbidden(f"the key {principal.name!r} may use the gallery {principal.gallery!r} only")
    with svc.bodies.hold(request, svc.deadline(request)) as reading:
        body = await reading.read()
    wish = json_of(body, GalleryBody) if body else GalleryBody()

    def work() -> object:
        made = svc.galleries.create(gallery, svc.space, by=principal.name)
        if "retention_days" in wish.model_fields_set:
            made.set_retention(wish.retention_days, by=principal.name)
        return gallery_answer(made.info())

    return json_answer(await svc.writing(work))


@router.get("/{gallery}", response_model=GalleryAnswer, responses=problems(401, 403, 404, 409, 503))
async def info(gallery: GalleryName, svc: Svc, principal: MaySearch) -> Response:
    """A gallery at a glance: how many entries, of which cameras, on which days."""
    found = await svc.in_thread(lambda: svc.gallery(gallery, principal).info())
    return json_answer(gallery_answer(found))


@router.delete("/{gallery}", status_code=204, responses=problems(401, 403, 404, 503))
async def drop(gallery: GalleryName, svc: Svc, principal: MayAdmin) -> Response:
    """Removes a gallery, of whichever model, and wipes its files."""
    if not principal.sees(gallery):
        raise Forbidden(f"the key {principal.name!r} may use the gallery {principal.gallery!r} only")
    await svc.writing(svc.galleries.drop, gallery, by=principal.name)
    return Response(status_code=204)
