"""What counts as a number in a file that anybody may have written."""

from __future__ import annotations

import math


def is_number(value: object) -> bool:
    """A finite number; true and false are none, and whole ones must fit into a float."""
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False
