"""Crops in rows and columns with captions: the frame of every picture of results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
GREEN, RED, GREY = (0, 158, 115), (213, 94, 0), (138, 138, 138)  # of Okabe and Ito, as in the plots
_BACKGROUND, _TEXT = (255, 255, 255), (40, 40, 40)
_GAP, _FRAME, _FONT = 8, 5, 15
_LINE = 22
_PADDING = 12


class Cell(NamedTuple):
    """An image with what is written under it; frame: the colour around it."""

    image: Image.Image
    caption: str = ""
    frame: Colour | None = None


def sheet(
    rows: Sequence[Sequence[Cell]], *, titles: Sequence[str] = (), columns: Sequence[str] = (), note: str = ""
) -> Image.Image:
    """All cells have the first one's size. titles: one to the left of each row. columns: one over each column. note:
    a last line. Text may have several lines. Raises ValueError where there is no cell."""
    if not rows or not rows[0]:
        raise ValueError("there are no crops to show")
    font = ImageFont.load_default(size=_FONT)
    width, height = rows[0][0].image.size
    width, height = width + 2 * _FRAME, height + 2 * _FRAME
    under = _LINE * max(cell.caption.count("\n") + bool(cell.caption) for row in rows for cell in row)
    over = _LINE * max((title.count("\n") + 1 for title in columns), default=0)
    left = max((_text_width(title, font) + _PADDING for title in titles), default=0)
    size = (
        max(left + max(map(len, rows)) * (width + _GAP) + _GAP, _text_width(note, font) + 2 * _GAP),
        over + len(rows) * (height + under + _GAP) + _GAP + (_LINE if note else 0),
    )
    page = Image.new("RGB", size, _BACKGROUND)
    draw = ImageDraw.Draw(page)
    for index, title in enumerate(columns):
        x = left + _GAP + index * (width + _GAP) + width // 2
        draw.multiline_text((x, over // 2 + _GAP // 2), title, _TEXT, font, anchor="mm", align="center")
    for index, row in enumerate(rows):
        top = over + _GAP + index * (height + under + _GAP)
        if titles:
            draw.multiline_text((_GAP, top + height // 2), titles[index], _TEXT, font, anchor="lm")
        for place, cell in enumerate(row):
            _draw_cell(page, cell, (left + _GAP + place * (width + _GAP), top), font)
    draw.text((_GAP, size[1] - _LINE), note, _TEXT, font)
    return page


def _draw_cell(page: Image.Image, cell: Cell, corner: tuple[int, int], font: Font) -> None:
    draw, (x, y), (width, height) = ImageDraw.Draw(page), corner, cell.image.size
    if cell.frame:
        draw.rectangle((x, y, x + width + 2 * _FRAME - 1, y + height + 2 * _FRAME - 1), fill=cell.frame)
    page.paste(cell.image, (x + _FRAME, y + _FRAME))
    middle = (x + _FRAME + width // 2, y + height + 2 * _FRAME + 2)
    draw.multiline_text(middle, cell.caption, cell.frame or _TEXT, font, anchor="ma", align="center")


def _text_width(text: str, font: Font) -> int:
    return max(round(font.getlength(line)) for line in text.split("\n"))
