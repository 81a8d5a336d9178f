"""/v2: the Open Inference Protocol, so that stock Triton and KServe clients work."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from service import openinference
from service.answers import json_answer
from service.dependencies import AnyKey, MayEmbed, Svc
from service.errors import BodyTooLarge, NotThere, problem
from service.openapi import problems, tensor_bodies
from service.openinference import LENGTH_HEADER, NAME, VERSION, InferBody
from service.pipeline import Demand
from service.routes.model import service_version
from service.services import while_connected

router = APIRouter(prefix="/v2", tags=["open inference protocol"])


async def known_model(
    name: Annotated[str, Path(description=f"Always {NAME!r}.")],
    request: Request,
) -> None:
    """Raises NotThere for any other model or version."""
    version = request.path_params.get("version", VERSION)
    if (name, version) != (NAME, VERSION):
        raise NotThere(f"no model {name[:64]!r} of version {version[:16]!r}; there is {NAME!r} of version {VERSION!r}")


_KNOWN = [Depends(known_model)]


@router.get("", response_model=dict[str, Any], responses=problems(401))
async def server(_: AnyKey) -> Response:
    """What kind of server this is."""
    return json_answer({"name": "pgfl-kd-reid", "version": service_version(), "extensions": ["binary_tensor_data"]})


@router.head("/health/live", include_in_schema=False)
@router.get("/health/live", response_class=Response)
async def live() -> Response:
    """200 as long as the event loop turns."""
    return Response()


@router.head("/health/ready", include_in_schema=False)
@router.get("/health/ready", response_class=Response, responses=problems(503))
async def ready(svc: Svc) -> Response:
    """200 when traffic may come."""
    complaint = await svc.complaint()
    return problem(503, "Not ready", complaint, {"Retry-After": "5"}, error=complaint) if complaint else Response()


@router.get("/models/{name}", response_model=dict[str, Any], responses=problems(401, 404), dependencies=_KNOWN)
async def metadata(svc: Svc, _: AnyKey) -> Response:
    """Names, types and shapes of input and output."""
    return json_answer(openinference.metadata(svc.encoder.preprocess, svc.space))


@router.get("/models/{name}/config", response_model=dict[str, Any], responses=problems(401, 404), dependencies=_KNOWN)
async def config(svc: Svc, _: AnyKey) -> Response:
    """Triton's model configuration."""
    return json_answer(openinference.config(svc.encoder.preprocess, svc.space, svc.settings.max_crops))


@router.get("/models/{name}/ready", response_class=Response, responses=problems(401, 404, 503), dependencies=_KNOWN)
async def model_ready(svc: Svc, _: AnyKey) -> Response:
    """200 when the model takes requests."""
    return await ready(svc)


@router.post(
    "/models/{name}/infer",
    response_model=dict[str, Any],
    responses=problems(401, 403, 404, 413, 415, 422, 429, 503, 504),
    openapi_extra=tensor_bodies(InferBody),
    dependencies=_KNOWN,
)
async def infer(request: Request, svc: Svc, _: MayEmbed) -> Response:
    """Embeds images that have the model's size already (reid_contract.preprocess makes it)."""
    with svc.receive(request) as reading:
        wish = openinference.read(await reading.read(), request.headers.get(LENGTH_HEADER), svc.encoder.preprocess)
        if len(wish.images) > svc.settings.max_crops:
            raise BodyTooLarge(f"{len(wish.images)} images in one request; allowed: {svc.settings.max_crops}")
        with svc.admission.admit(len(wish.images)):
            demand = Demand(svc.deadline(request))
            rows = await while_connected(request, demand.deadline, svc.pipeline.embed_pixels(wish.images, demand))
    content, headers = openinference.write(rows, wish)
    return Response(content, headers=headers)


for _path, _route, _method in (
    ("", metadata, "GET"),
    ("/config", config, "GET"),
    ("/ready", model_ready, "GET"),
    ("/infer", infer, "POST"),
):
    router.add_api_route(
        f"/models/{{name}}/versions/{{version}}{_path}",
        _route,
        methods=[_method],
        dependencies=_KNOWN,
        include_in_schema=False,
    )
