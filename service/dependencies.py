"""What routes ask for by type: the services, and who is asking.

All are coroutines, though none waits: a plain function would cost each request a trip through FastAPI's thread pool.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from service.errors import BadRequest, Forbidden, Unauthorised
from service.keys import LOCAL, Principal, Scope
from service.services import Services

_BEARER = HTTPBearer(auto_error=False, description="An API key as a bearer token.")
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key.")


async def services(request: Request) -> Services:
    """The app's services, from its lifespan."""
    return cast(Services, request.state.services)


Svc = Annotated[Services, Depends(services)]


async def no_options(request: Request) -> None:
    """For routes without query parameters: `DELETE …/entries/7?person_id=…` must not delete entry 7."""
    if request.query_params:
        raise BadRequest(f"this route has no options; the address has {', '.join(request.query_params)}")


async def authenticated(
    request: Request,
    svc: Svc,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    header: Annotated[str | None, Security(_HEADER)],
) -> Principal:
    """Who asks: the owner of the key, or everyone where the service runs without keys."""
    principal = LOCAL
    if svc.keys is not None and not svc.keys.open:
        key = bearer.credentials if bearer else header
        if key is None:
            raise Unauthorised("send an API key: 'Authorization: Bearer …' or 'X-API-Key: …'")
        known = svc.keys.authenticate(key)
        if known is None:
            raise Unauthorised("the API key is not known, has expired or was revoked")
        principal = known
    request.state.principal = principal
    return principal


AnyKey = Annotated[Principal, Depends(authenticated)]


def allow(scope: Scope) -> Callable[[Principal], Awaitable[Principal]]:
    """A dependency that lets only keys with `scope` (or `admin`) in."""

    async def scoped(principal: AnyKey) -> Principal:
        if not principal.may(scope):
            raise Forbidden(f"the key {principal.name!r} lacks the scope {scope!r}")
        return principal

    return scoped


MayEmbed = Annotated[Principal, Depends(allow("embed"))]
MaySearch = Annotated[Principal, Depends(allow("search"))]
MayEnrol = Annotated[Principal, Depends(allow("enrol"))]
MayErase = Annotated[Principal, Depends(allow("erase"))]
MayAdmin = Annotated[Principal, Depends(allow("admin"))]
