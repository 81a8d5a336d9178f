"""The entries of a gallery: live enrolment, reading, deletion."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from gallery_index.interface import EVERYTHING, Gallery
from service import enrolment
from service.answer_schemas import CountAnswer, EnrolAnswer, EntryAnswer, PageAnswer, entry_answer
from service.answers import json_answer
from service.dependencies import MayEnrol, MayErase, MaySearch, Svc, no_options
from service.enrolment import Enrolment
from service.errors import BadRequest, NotThere
from service.keys import Principal
from service.openapi import enrol_bodies, problems
from service.pipeline import Embedded
from service.schemas import EmbedQuery, EnrolBody, EntriesQuery, EntryBody, EntryId, PageQuery
from service.services import Services

router = APIRouter(prefix="/galleries/{gallery}/entries", tags=["entries"])

_ALONE = [Depends(no_options)]

GalleryName = Annotated[str, Path(description="Name of the gallery.")]
IdInPath = Annotated[EntryId, Path(alias="id", description="Id of the entry.")]


@router.post(
    "",
    response_model=EnrolAnswer,
    responses=problems(401, 403, 404, 409, 413, 415, 422, 429, 503, 504),
    openapi_extra=enrol_bodies(EnrolBody),
)
async def enrol(
    request: Request, gallery: GalleryName, svc: Svc, principal: MayEnrol, query: Annotated[EmbedQuery, Query()]
) -> Response:
    """Stores entries; an id that is there already is replaced. The answer comes when they are durable."""
    target = await svc.in_thread(svc.timely(request, svc.gallery), gallery, principal)
    with svc.receive(request) as reading:
        wish = enrolment.many(request, await reading.read(), query.on_error, svc)
        created, stored, embedded = await _store(request, wish, target, svc, principal)
    return json_answer(
        {"gallery": target.name, "enrolled": stored, "created": created, "errors": _errors(wish, embedded)}
    )


@router.put(
    "/{id}",
    response_model=EnrolAnswer,
    responses=problems(
        *(401, 403, 404, 409, 413, 415, 422, 429, 503, 504),
        also={201: {"description": "The id was new.", "model": EnrolAnswer}},
    ),
    openapi_extra=enrol_bodies(EntryBody, raw=True),
)
async def put(request: Request, gallery: GalleryName, entry_id: IdInPath, svc: Svc, principal: MayEnrol) -> Response:
    """Stores one entry, as JSON or as a raw image with its fields as query parameters."""
    target = await svc.in_thread(svc.timely(request, svc.gallery), gallery, principal)
    with svc.receive(request) as reading:
        wish = enrolment.one(request, entry_id, await reading.read(), svc)
        created, stored, _ = await _store(request, wish, target, svc, principal)
    content = {"gallery": target.name, "enrolled": stored, "created": created, "errors": []}
    return json_answer(content, 201 if created else 200)


@router.get("", response_model=PageAnswer, responses=problems(401, 403, 404, 409, 422, 503))
async def page(gallery: GalleryName, svc: Svc, principal: MaySearch, query: Annotated[PageQuery, Query()]) -> Response:
    """Entries in the order of their ids, a page at a time."""
    found = await svc.in_thread(
        lambda: svc.gallery(gallery, principal).page(query.where(), cursor=query.cursor, limit=query.limit)
    )
    return json_answer({"entries": [entry_answer(s) for s in found.sightings], "cursor": found.cursor})


@router.delete("", response_model=CountAnswer, responses=problems(401, 403, 404, 409, 422, 503))
async def erase(
    gallery: GalleryName, svc: Svc, principal: MayErase, query: Annotated[EntriesQuery, Query()]
) -> Response:
    """Erases all entries of a person, a camera or a time: no byte of them is left in any file afterwards."""
    target = await svc.in_thread(svc.gallery, gallery, principal)
    if query.where() == EVERYTHING:
        raise BadRequest("say whose entries to erase: person_id, camera_id, since or until")
    deleted = await svc.writing(target.erase, query.where(), by=principal.name)
    return json_answer({"deleted": deleted})


@router.get("/{id}", dependencies=_ALONE, response_model=EntryAnswer, responses=problems(401, 403, 404, 409, 422, 503))
async def get(gallery: GalleryName, entry_id: IdInPath, svc: Svc, principal: MaySearch) -> Response:
    """One entry, without its embedding."""
    sighting = await svc.in_thread(lambda: svc.gallery(gallery, principal).get(entry_id))
    return json_answer(entry_answer(sighting))


@router.get(
    "/{id}/thumbnail",
    dependencies=_ALONE,
    response_class=Response,
    responses=problems(401, 403, 404, 409, 422, 503, also={200: {"content": {"image/jpeg": {}}}}),
)
async def thumbnail(gallery: GalleryName, entry_id: IdInPath, svc: Svc, principal: MaySearch) -> Response:
    """The small JPEG of an entry, where the operator switched storing on; switched off again, none is shown."""
    small = await svc.in_thread(lambda: svc.gallery(gallery, principal).thumbnail(entry_id))
    if not svc.settings.store_thumbnails:
        raise NotThere("this service shows no thumbnails, though some may be stored; --store-thumbnails shows them")
    if small is None:
        raise NotThere(f"the entry {entry_id!r} has no thumbnail; --store-thumbnails keeps those enrolled from then on")
    return Response(small, media_type="image/jpeg")  # no-store: what is erased must not go on in a browser


@router.delete(
    "/{id}", dependencies=_ALONE, response_model=CountAnswer, responses=problems(401, 403, 404, 409, 422, 503)
)
async def delete(gallery: GalleryName, entry_id: IdInPath, svc: Svc, principal: MayErase) -> Response:
    """Deletes one entry; one that is not there is no error, so that a retry is safe."""
    deleted = await svc.writing(lambda: svc.gallery(gallery, principal).delete([entry_id], by=principal.name))
    return json_answer({"deleted": deleted})


async def _store(
    request: Request, wish: Enrolment, target: Gallery, svc: Services, principal: Principal
) -> tuple[int, int, Embedded | None]:
    """Embeds what needs it and stores what is good: ids that were new, entries stored, what became of the crops."""
    with svc.admission.admit(len(wish.ids)):
        embedded = None
        if wish.crops:
            crops = list(wish.crops.values())
            embedded = await svc.embed(request, crops, skip_bad=wish.on_error == "skip", thumbnails=True)
        entries = enrolment.entries(wish, embedded)
        upsert = svc.timely(request, target.upsert)
        created = await svc.writing(upsert, entries, by=principal.name) if entries else 0
    return created, len(entries), embedded


def _errors(wish: Enrolment, embedded: Embedded | None) -> list[dict[str, Any]]:
    if embedded is None:
        return []
    places = list(wish.crops)
    return [
        {"index": places[failure.index], "id": wish.ids[places[failure.index]], "detail": failure.reason}
        for failure in embedded.failures
    ]
