"""Configurations as nested names and values: for the command line, for JSON, for the documentation."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

Config = TypeVar("Config")


class Field(NamedTuple):
    """One option. name: dotted, such as `model.backbone`."""

    name: str
    type: Any
    default: Any
    help: str

    @property
    def allowed(self) -> str:
        """What the command line takes, in words."""
        if get_origin(self.type) is Literal:
            return "|".join(str(value) for value in get_args(self.type))
        if get_origin(self.type) is tuple:
            return ",".join("…" if kind is Ellipsis else kind.__name__ for kind in get_args(self.type))
        return "true|false" if self.type is bool else _plain(self.type).__name__

    @property
    def shown(self) -> str:
        """The default as it would be typed."""
        if isinstance(self.default, tuple):
            return ",".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in self.default) or "none"
        return str(self.default).lower() if isinstance(self.default, bool) else str(self.default) or "none"

    def parse(self, text: str) -> Any:
        """The value a text stands for. Raises ValueError naming the field, the text and what is allowed."""
        try:
            return _parse(self.type, text)
        except (ValueError, KeyError):
            raise ValueError(f"--{self.name} is {text!r}; allowed: {self.allowed}") from None


def fields(config: Any, prefix: str = "") -> Iterator[Field]:
    """All options of a configuration and of those inside it, with its values as defaults."""
    kind: type = type(config)
    hints, helps = get_type_hints(kind), _field_docs(kind)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from fields(value, f"{prefix}{field.name}.")
        else:
            yield Field(prefix + field.name, hints[field.name], value, helps.get(field.name, ""))


def override(config: Config, texts: Mapping[str, str]) -> Config:
    """The configuration with some options replaced. texts: by dotted name, as typed on a command line."""
    known = {field.name: field for field in fields(config)}
    if unknown := sorted(set(texts) - set(known)):
        raise ValueError(f"no option --{unknown[0]}; there are {', '.join(known)}")
    values: dict[str, Any] = dataclasses.asdict(config)  # type: ignore[call-overload]
    for name, text in texts.items():
        *path, last = name.split(".")
        place = values
        for step in path:
            place = place[step]
        place[last] = known[name].parse(text)
    return from_dict(type(config), values)


def from_dict(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """A configuration from nested plain values, as `dataclasses.asdict` or JSON gives them; missing ones take their
    default. Raises ValueError naming a field this version does not know."""
    hints = get_type_hints(kind)
    if unknown := sorted(set(values) - set(hints)):
        raise ValueError(f"{kind.__name__} has no field {', '.join(unknown)} in this version")
    return kind(**{name: _restore(hints[name], value) for name, value in values.items()})


def _restore(hint: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_dict(hint, value)
    return tuple(value) if get_origin(hint) is tuple else value


def _parse(hint: Any, text: str) -> Any:
    if get_origin(hint) is Literal:
        return {str(value): value for value in get_args(hint)}[text]
    if get_origin(hint) is tuple:
        kinds, parts = get_args(hint), [part.strip() for part in text.split(",") if part.strip()]
        if kinds[-1] is not Ellipsis and len(parts) != len(kinds):
            raise ValueError(f"{len(parts)} values, {len(kinds)} needed")
        return tuple(_parse(kinds[0], part) for part in parts)
    if hint is bool:
        return {"true": True, "false": False}[text.lower()]
    return _plain(hint)(text)


def _plain(hint: Any) -> Any:
    """The type without its None, of `int | None`."""
    return get_args(hint)[0] if isinstance(hint, types.UnionType) else hint


@cache
def _field_docs(kind: type) -> dict[str, str]:
    """The string under each field, which is its documentation; `--help` and docs/training.md show the same."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    if not isinstance(body, ast.ClassDef):
        return {}
    found: dict[str, str] = {}
    for statement, text in zip(body.body, body.body[1:], strict=False):
        match statement, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                found[name] = " ".join(said.split())
    return found
