"""A Filter as SQL. Field names are fixed here; whatever the caller gives is bound, never put into the text."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from gallery_index.types import AttributeValue, Filter

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Parameter = str | int


def where_clause(where: Filter) -> tuple[str, list[Parameter]]:
    """The condition on table `entry` and its bound values; "TRUE" for a filter that allows all."""
    conditions: list[str] = []
    values: list[Parameter] = []

    def add(condition: str, *bound: Parameter) -> None:
        conditions.append(condition)
        values.extend(bound)

    if where.cameras is not None:
        add("camera_id IN (SELECT value FROM json_each(?))", json.dumps(sorted(where.cameras)))
    if where.not_cameras:
        add("camera_id NOT IN (SELECT value FROM json_each(?))", json.dumps(sorted(where.not_cameras)))
    if where.persons is not None:
        add("person_id IN (SELECT value FROM json_each(?))", json.dumps(sorted(where.persons)))
    if where.not_persons:
        add(
            "(person_id IS NULL OR person_id NOT IN (SELECT value FROM json_each(?)))",
            json.dumps(sorted(where.not_persons)),
        )
    if where.since is not None:
        add("captured_at >= ?", microseconds(where.since))
    if where.until is not None:
        add("captured_at < ?", microseconds(where.until))
    for key, value in sorted(where.attributes.items()):
        add("slot IN (SELECT slot FROM attribute WHERE key = ? AND value = ?)", key, canonical(value))
    return " AND ".join(conditions) or "TRUE", values


def canonical(value: AttributeValue) -> str:
    """An attribute's value as JSON, equal for equal values: 1 and 1.0 are one number, true is not 1."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)


def microseconds(time: datetime) -> int:
    """Since 1970 UTC, exactly."""
    return (time - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """The inverse of `microseconds`, in UTC."""
    return _EPOCH + value * _MICROSECOND
