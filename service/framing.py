"""application/x-crops: for each block a little-endian uint32 byte length and that many bytes. Nothing is copied."""

from __future__ import annotations

import struct

from service.errors import BadRequest, BodyTooLarge

MEDIA_TYPE = "application/x-crops"
_LENGTH = struct.Struct("<I")


def split(body: bytes, *, max_blocks: int) -> list[memoryview]:
    """The blocks in the order sent. Raises BadRequest where lengths and bytes disagree."""
    view, blocks, at = memoryview(body), list[memoryview](), 0
    while at < len(view):
        if len(blocks) == max_blocks:
            raise BodyTooLarge(f"the body has more than {max_blocks} crops")
        if at + _LENGTH.size > len(view):
            raise BadRequest(f"block {len(blocks)} has {len(view) - at} bytes of a length; a length has 4")
        (length,) = _LENGTH.unpack_from(view, at)
        at += _LENGTH.size
        if at + length > len(view):
            raise BadRequest(f"block {len(blocks)} says {length} bytes; {len(view) - at} are left")
        blocks.append(view[at : at + length])
        at += length
    return blocks
