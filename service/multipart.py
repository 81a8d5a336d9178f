"""multipart/form-data in memory: bodies are bounded already, and crops of people do not belong in temporary files."""

from __future__ import annotations

from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from service.errors import BadRequest


@dataclass(slots=True)
class Part:
    """One field of a form. content: its bytes, not copied more than once."""

    name: str = ""
    content: bytearray = field(default_factory=bytearray)


def parse(body: bytes, content_type: str, *, max_parts: int) -> list[Part]:
    """The parts in the order sent. Raises BadRequest for a broken form or more than `max_parts`."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise BadRequest("multipart/form-data needs a boundary in its content type")
    reader = _Reader(max_parts)
    try:
        parser = MultipartParser(boundary, reader.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise BadRequest(f"the multipart body is broken: {error}") from None
    if not reader.ended:
        raise BadRequest("the multipart body is broken: it ends before its closing boundary")
    return reader.parts


class _Reader:
    """Collects what the parser calls out."""

    def __init__(self, max_parts: int) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self._max_parts = max_parts
        self._header = b""
        self._value = b""

    def callbacks(self) -> dict[str, object]:
        names = ("part_begin", "part_data", "header_field", "header_value", "header_end", "end")
        return {f"on_{name}": getattr(self, name) for name in names}

    def part_begin(self) -> None:
        if len(self.parts) == self._max_parts:
            raise BadRequest(f"the form has more than {self._max_parts} parts")
        self.parts.append(Part())

    def part_data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].content += memoryview(data)[start:end]

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self.parts[-1].name = options.get(b"name", b"").decode("utf-8", "replace")
        self._header = self._value = b""

    def end(self) -> None:
        self.ended = True
