"""A picture as SVG: one file without fonts, scripts or links, readable on light and dark pages, always the same bytes.

Three columns of boxes, joined by curves. Text is measured by a table of widths, because nothing here draws it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from .graph import COLUMNS, Box, Column, Edge, Picture, Row

_MARGIN, _GAP, _BETWEEN = 32, 24, 100
_HEAD, _ROW, _LANE = 52, 30, 19
_TOP = 118
_PAD = 16
_NARROWEST, _WIDEST = 230, 380
_TITLE, _TEXT, _SMALL = 14.5, 12.5, 11.5
_ACCENT: dict[Column, str] = {"routes": "violet", "models": "blue", "pools": "green"}
_HUES = tuple(_ACCENT.values())
_LIGHT = {
    "page": "#f6f8fa", "card": "#ffffff", "line": "#d0d7de", "ink": "#1f2328", "soft": "#59636e", "row": "#f6f8fa",
    "wire": "#8c959f", "violet": "#8250df", "blue": "#0969da", "green": "#1a7f37",
}  # fmt: skip
_DARK = {
    "page": "#0d1117", "card": "#161b22", "line": "#3d444d", "ink": "#f0f6fc", "soft": "#9198a1", "row": "#0d1117",
    "wire": "#6e7681", "violet": "#ab7df8", "blue": "#4493f8", "green": "#3fb950",
}  # fmt: skip
_FONTS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif'


@dataclass(slots=True)
class _Rectangle:
    """Where something stands."""

    left: float
    top: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.top + self.height / 2


def to_svg(picture: Picture) -> str:
    """The picture as the text of an SVG file."""
    layout = _Layout(picture)
    width, height = layout.width, layout.height
    label = _safe(f"{picture.title}: {picture.subtitle}")
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{label}</title>",
        f"<style>{_style()}</style>",
        f'<rect class="page" x="0.5" y="0.5" width="{width - 1:g}" height="{height - 1:g}" rx="12"/>',
        _text(_MARGIN, 34, picture.title, 20, "bold"),
        _text(_MARGIN, 58, picture.subtitle, _TEXT, "soft"),
    ]
    for column, heading in COLUMNS.items():
        lines.append(_text(layout.left[column], _TOP - 22, heading, _TEXT, f"bold {_ACCENT[column]}"))
    lines += layout.wires()
    for box in picture.boxes:
        lines += _draw(box, layout)
    return "\n".join([*lines, "</svg>"]) + "\n"


class _Layout:
    """Places of all boxes and rows, from what leads to what."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.frames: dict[str, _Rectangle] = {}
        self.incoming: dict[str, list[Edge]] = {}
        self.outgoing: dict[str, list[Edge]] = {}
        for edge in picture.edges:
            self.incoming.setdefault(edge.target, []).append(edge)
            self.outgoing.setdefault(edge.source, []).append(edge)
        self.left: dict[Column, float] = {}
        self.column_width: dict[Column, float] = {}
        self.level: dict[Column, float] = {}
        position: float = _MARGIN
        for column in COLUMNS:
            self.left[column] = position
            self.column_width[column] = max((_natural_width(box) for box in picture.column(column)), default=_NARROWEST)
            position += self.column_width[column]
            self.width = round(position + _MARGIN)
            # Labels stand at the arrows' heads, where wires run level.
            own = {key for box in picture.column(column) for key in (box.key, *(row.key for row in box.rows))}
            labels = [_width(edge.label, _SMALL) + 32 for edge in picture.edges if edge.source in own and edge.label]
            self.level[column] = max(labels, default=20)
            position += _BETWEEN + self.level[column]
        for column in ("models", "routes", "pools"):
            self._stack(column)
        lowest = max((frame.top + frame.height for frame in self.frames.values()), default=_TOP)
        self.height = round(lowest + _MARGIN)

    def _stack(self, column: Column) -> None:
        """Put the boxes of a column below each other, each beside what it is joined to where there is room."""
        heights = [self._height(box) for box in self.picture.column(column)]
        wishes = [self._wish(box) for box in self.picture.column(column)]
        bottom: float = _TOP
        for box, height, wish in zip(self.picture.column(column), heights, wishes, strict=True):
            top = max(bottom, wish - height / 2) if wish else bottom
            self._place(box, column, round(top), height)
            bottom = round(top) + height + _GAP

    def _wish(self, box: Box) -> float:
        """Middle of the boxes that are placed already and joined to this one; 0 when there are none."""
        keys = {box.key, *(row.key for row in box.rows)}
        ends = [edge.target for edge in self.picture.edges if edge.source in keys]
        ends += [edge.source for edge in self.picture.edges if edge.target in keys]
        middles = [self.frames[key].middle for key in ends if key in self.frames]
        return sum(middles) / len(middles) if middles else 0

    def _row_height(self, row: Row) -> float:
        lanes = max(len(self.incoming.get(row.key, ())), len(self.outgoing.get(row.key, ())))
        return max(_ROW, lanes * _LANE + 8)

    def _height(self, box: Box) -> float:
        rows = sum(self._row_height(row) + 6 for row in box.rows)
        lanes = max(len(self.incoming.get(box.key, ())), len(self.outgoing.get(box.key, ())))
        return max(_HEAD + (rows + 6 if rows else 8), lanes * _LANE + 16)

    def _place(self, box: Box, column: Column, top: float, height: float) -> None:
        left, width = self.left[column], self.column_width[column]
        self.frames[box.key] = _Rectangle(left, top, width, height)
        position = top + _HEAD
        for row in box.rows:
            self.frames[row.key] = _Rectangle(left + 10, position, width - 20, self._row_height(row))
            position += self._row_height(row) + 6

    def wires(self) -> Iterator[str]:
        """The curves, then their labels above them."""
        labels = []
        for edge in self.picture.edges:
            start_x = self._edge_of(edge.source, right=True)
            end_x = self._edge_of(edge.target, right=False)
            start_y = self._lane(edge, self.outgoing[edge.source], edge.source, by_target=True)
            end_y = self._lane(edge, self.incoming[edge.target], edge.target, by_target=False)
            turn = end_x - self.level[self._column_of(edge.source)]
            bend = (turn - start_x) / 2
            later = " later" if edge.later else ""
            yield (
                f'<path class="wire{later}" d="M{start_x:g} {start_y:g}C{start_x + bend:g} {start_y:g} '
                f'{turn - bend:g} {end_y:g} {turn:g} {end_y:g}H{end_x - 7:g}"/>'
            )
            yield f'<path class="tip" d="M{end_x:g} {end_y:g}l-8 -4v8z"/>'
            if edge.label:
                size = _width(edge.label, _SMALL) + 10
                left = end_x - 12 - size
                labels += [
                    f'<rect class="pill" x="{left:g}" y="{end_y - 8:g}" width="{size:g}" height="16" rx="8"/>',
                    _text(left + size / 2, end_y, edge.label, _SMALL, "soft middle"),
                ]
        yield from labels

    def _edge_of(self, key: str, *, right: bool) -> float:
        """The left or right side of the box, whether the edge belongs to it or to one of its rows."""
        frame = self.frames[key]
        inset = 0 if any(box.key == key for box in self.picture.boxes) else 10
        return frame.left + frame.width + inset if right else frame.left - inset

    def _column_of(self, key: str) -> Column:
        """The column of a box or row."""
        return next(box.column for box in self.picture.boxes if key in {box.key, *(row.key for row in box.rows)})

    def _lane(self, edge: Edge, siblings: list[Edge], key: str, *, by_target: bool) -> float:
        """How high an edge meets a side that several share: in the order of their other ends."""
        ordered = sorted(siblings, key=lambda one: self.frames[one.target if by_target else one.source].middle)
        place = next(number for number, one in enumerate(ordered) if one is edge)
        return self.frames[key].middle + (place - (len(ordered) - 1) / 2) * _LANE


def _style() -> str:
    """The sheet: shapes once, colours for light and for dark. No variables, which converters do not know."""
    shapes = (
        f"text {{ font-family: {_FONTS}; }} .end {{ text-anchor: end; }} "
        ".middle { text-anchor: middle; } .bold { font-weight: 600; } .wire { fill: none; stroke-width: 1.5; } "
        ".later { stroke-dasharray: 5 4; } .muted { stroke-dasharray: 4 3; }"
    )
    return f"{shapes}\n{_colors(_LIGHT)}\n@media (prefers-color-scheme: dark) {{ {_colors(_DARK)} }}"


def _colors(of: Mapping[str, str]) -> str:
    fills = {"text": "ink", ".soft": "soft", ".tip": "wire", ".pill": "page"} | {f".{name}": name for name in _HUES}
    areas = {".page": "page", ".card": "card", ".row": "row"}
    rules = [f"{selector} {{ fill: {of[name]}; }}" for selector, name in fills.items()]
    rules += [f"{selector} {{ fill: {of[name]}; stroke: {of['line']}; }}" for selector, name in areas.items()]
    return " ".join([*rules, f".wire {{ stroke: {of['wire']}; }}"])


def _draw(box: Box, layout: _Layout) -> Iterator[str]:
    frame = layout.frames[box.key]
    right = frame.left + frame.width
    accent = _ACCENT[box.column]
    yield (
        f'<rect class="card" x="{frame.left:g}" y="{frame.top:g}" width="{frame.width:g}" '
        f'height="{frame.height:g}" rx="8"/>'
    )
    yield f'<rect class="{accent}" x="{frame.left - 1:g}" y="{frame.top + 12:g}" width="3" height="30" rx="1.5"/>'
    tag_width = _width(box.tag, _SMALL) + 12 if box.tag else 0
    room = frame.width - 2 * _PAD
    yield _text(frame.left + _PAD, frame.top + 20, _cut(box.title, _TITLE, room - tag_width), _TITLE, "bold")
    if box.tag:
        yield _text(right - _PAD, frame.top + 20, box.tag, _SMALL, f"end {accent}")
    yield _text(frame.left + _PAD, frame.top + 38, _cut(box.subtitle, _SMALL, room), _SMALL, "soft")
    for row in box.rows:
        yield from _draw_row(row, layout.frames[row.key])


def _draw_row(row: Row, frame: _Rectangle) -> Iterator[str]:
    muted = " muted" if row.muted else ""
    yield (
        f'<rect class="row{muted}" x="{frame.left:g}" y="{frame.top:g}" width="{frame.width:g}" '
        f'height="{frame.height:g}" rx="6"/>'
    )
    detail = _width(row.detail, _SMALL) + 12 if row.detail else 0
    text = _cut(row.text, _TEXT, frame.width - 20 - detail)
    yield _text(frame.left + 10, frame.middle, text, _TEXT, "soft" if row.muted else "")
    if row.detail:
        yield _text(frame.left + frame.width - 10, frame.middle, row.detail, _SMALL, "soft end")


def _text(left: float, middle: float, text: str, size: float, style: str) -> str:
    """A text around a height; not by dominant-baseline, which converters do not know."""
    kind = f' class="{style}"' if style else ""
    return f'<text x="{left:g}" y="{middle + 0.35 * size:g}" font-size="{size:g}"{kind}>{_safe(text)}</text>'


def _safe(text: str) -> str:
    """Text as XML can hold it: markup escaped, control characters marked."""
    return escape("".join(char if char.isprintable() else "�" for char in text))


def _natural_width(box: Box) -> float:
    """The width at which nothing of a box is cut, between the bounds."""
    head = _width(box.title, _TITLE) * 1.12 + (_width(box.tag, _SMALL) + 20 if box.tag else 0) + 2 * _PAD
    widths = [head, _width(box.subtitle, _SMALL) + 2 * _PAD]
    widths += [_width(row.text, _TEXT) + _width(row.detail, _SMALL) + 60 for row in box.rows]
    return min(_WIDEST, max(_NARROWEST, *(round(width) for width in widths)))


def _width(text: str, size: float) -> float:
    """About how wide a text is in a sans-serif, on the generous side."""
    return sum(_em(char) for char in text) * size


def _em(char: str) -> float:
    if char in "ijl.,:;|!'()[]/ ftr-":
        return 0.36
    if char in "mwMW@%":
        return 0.9
    return 0.68 if char.isupper() else 0.59 if ord(char) < 0x2E80 else 1.0  # noqa: PLR2004 - from there on, full width


def _cut(text: str, size: float, room: float) -> str:
    """A text that fits, with dots in place of what does not."""
    if _width(text, size) <= room:
        return text
    while text and _width(text + "…", size) > room:
        text = text[:-1]
    return text + "…"
