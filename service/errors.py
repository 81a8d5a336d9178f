"""Everything the service can refuse, and the one table that turns a refusal into an HTTP answer (RFC 9457)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gallery_index import errors as gallery
from reid_contract import BadImage
from service.keys import KeyFileError

log = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"


class ServiceError(Exception):
    """Base of the service's own errors; the message is meant for the caller."""


class BadRequest(ServiceError):
    """The request's structure is wrong: a missing field, an option out of range, a broken body."""


class BadCrop(BadRequest):
    """One crop of a request is not an image; `index` counts from 0 in the order sent."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"crop {index}: {reason}")
        self.index = index
        self.reason = reason


class BodyTooLarge(ServiceError):
    """More bytes, or more crops, than one request may carry."""


class HeadTooLarge(ServiceError):
    """More bytes of address and headers than one request may carry; the connection is closed with the answer."""


class UnsupportedBody(ServiceError):
    """A content type the route does not read."""


class WrongModel(ServiceError):
    """Embeddings made by another model than the one served."""


class Unauthorised(ServiceError):
    """No key, or a key that is not (or no longer) known."""


class Forbidden(ServiceError):
    """The key is known, but may not do this."""


class NotThere(ServiceError):
    """No model of that name or version, or a thumbnail that was never stored."""


class Overloaded(ServiceError):
    """The house is full; `retry_after` seconds is the estimated wait."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooManyConnections(ServiceError):
    """More connections than the operator allows; this one is closed with the answer."""


class ShuttingDown(ServiceError):
    """The service is stopping and takes no new work."""


class InferenceFailed(ServiceError):
    """The model failed on a batch; the crops in it got no embedding, and nobody knows better than to try again."""


class DeadlineExceeded(ServiceError):
    """The caller's deadline passed before its crops were embedded."""


class ClientGone(ServiceError):
    """The caller closed the connection; nobody reads this answer."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the error table. public: whether the error's own message is fit for the caller."""

    status: int
    title: str
    public: bool = True
    retry_after: float | None = None


TABLE: dict[type[Exception], Row] = {
    BadRequest: Row(422, "The request is wrong"),
    BadImage: Row(422, "The image is wrong"),
    gallery.InvalidRequest: Row(422, "The request is wrong"),
    BodyTooLarge: Row(413, "The request is too large"),
    UnsupportedBody: Row(415, "The content type is not supported"),
    Unauthorised: Row(401, "An API key is needed"),
    Forbidden: Row(403, "The API key does not allow this"),
    gallery.UnknownGallery: Row(404, "No such gallery"),
    gallery.UnknownEntry: Row(404, "No such entry"),
    NotThere: Row(404, "Not there"),
    gallery.ModelMismatch: Row(409, "The model and the gallery do not fit"),
    WrongModel: Row(409, "The model and the embeddings do not fit"),
    HeadTooLarge: Row(431, "The request's head is too large"),
    Overloaded: Row(429, "The service is full", retry_after=1),
    ClientGone: Row(499, "The client went away"),
    TooManyConnections: Row(503, "Too many connections", retry_after=1),
    KeyFileError: Row(503, "The API keys cannot be read", public=False, retry_after=10),
    ShuttingDown: Row(503, "The service is stopping", retry_after=5),
    InferenceFailed: Row(503, "The model failed", retry_after=1),
    gallery.AuditFailed: Row(503, "The audit log cannot be written", public=False, retry_after=10),
    gallery.StorageFailed: Row(503, "The gallery's storage failed", public=False, retry_after=10),
    gallery.GalleryError: Row(503, "The gallery failed", public=False, retry_after=10),
    DeadlineExceeded: Row(504, "The deadline passed"),
}


def problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None, **extra: Any) -> Response:
    """An application/problem+json answer."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}
    return Response(orjson.dumps(body), status, headers=headers, media_type=PROBLEM_TYPE)


def install(app: FastAPI) -> None:
    """Makes every error of the table, and FastAPI's own, a problem document. The envelope catches what is left."""
    for error in TABLE:
        app.add_exception_handler(error, _listed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def answer(error: Exception, *, triton: bool = False) -> Response:
    """The problem document of an error in the table. triton: with the `error` that clients of /v2 look for."""
    row = next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
    if not row.public:
        log.error("%s", row.title, exc_info=error)
    headers = {}
    if row.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(getattr(error, "retry_after", row.retry_after))))
    if isinstance(error, (TooManyConnections, HeadTooLarge)):
        headers["Connection"] = "close"
    if row.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="reid"'
    detail = str(error) if row.public else row.title
    extra = ({"index": error.index} if isinstance(error, BadCrop) else {}) | ({"error": detail} if triton else {})
    return problem(row.status, row.title, detail, headers, **extra)


async def _listed(request: Request, error: Exception) -> Response:
    return answer(error, triton=request.url.path.startswith("/v2"))


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [f"{'.'.join(str(p) for p in fault['loc'])}: {fault['msg']}" for fault in error.errors()]
    return problem(422, TABLE[BadRequest].title, "; ".join(faults))


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    return problem(error.status_code, title, str(error.detail), dict(error.headers or {}))


def unexpected(error: Exception) -> Response:
    """A fault of the service: the caller learns nothing but where to look."""
    log.error("unexpected error", exc_info=error)
    return problem(500, "Internal error", "the service failed; its log says why, under this answer's X-Request-Id")
