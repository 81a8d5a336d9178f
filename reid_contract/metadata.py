"""The contract as ONNX metadata: a format version, and one JSON object for each section."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, TypeVar

from reid_contract.errors import ContractError

FORMAT_VERSION = 1
VERSION_KEY = "reid.contract_version"
_PREFIX = "reid."


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


_Section = TypeVar("_Section", bound=_Dataclass)


def write_section(name: str, section: _Dataclass) -> dict[str, str]:
    """One section under `reid.<name>`, with the format version beside it."""
    body = json.dumps(dataclasses.asdict(section), allow_nan=False, sort_keys=True)
    return {VERSION_KEY: str(FORMAT_VERSION), _PREFIX + name: body}


def read_section(name: str, kind: type[_Section], metadata: Mapping[str, str]) -> _Section:
    """Builds `kind` from the section `reid.<name>`; the dataclass itself checks the values.

    Raises ContractError naming the key: no contract at all, an unknown format version, a missing section or field, a
    field this version does not know (a newer writer's promise that could not be kept), or text that is not JSON.
    """
    _check_version(metadata)
    key = _PREFIX + name
    if key not in metadata:
        raise ContractError(f"the model file's contract has no {key!r}; export it with `python -m export`")
    try:
        body = json.loads(metadata[key])
    except (ValueError, RecursionError) as error:  # Python's limits on digits and depth too
        raise ContractError(f"{key!r} in the model file is not JSON that can be read: {error}") from error
    if not isinstance(body, dict):
        raise ContractError(f"{key!r} in the model file is {type(body).__name__}; allowed: a JSON object")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if unknown := sorted(set(body) - set(fields)):
        raise ContractError(f"{key!r} has {', '.join(unknown)}, which format version {FORMAT_VERSION} does not know")
    if missing := sorted(set(fields) - set(body)):
        raise ContractError(f"{key!r} lacks {', '.join(missing)}")
    return kind(**body)


def _check_version(metadata: Mapping[str, str]) -> None:
    if VERSION_KEY not in metadata:
        raise ContractError(
            f"the model file carries no contract: no {VERSION_KEY!r} in its metadata; `python -m export` writes one"
        )
    version = metadata[VERSION_KEY]
    if version != str(FORMAT_VERSION):
        raise ContractError(f"{VERSION_KEY!r} is {version!r}; this version of the project reads {FORMAT_VERSION}")
