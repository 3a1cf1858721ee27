"""Tables of text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence


def aligned(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], right: Collection[str] = ()) -> Iterator[str]:
    """A table's lines, the headings first; none ends in spaces, which would end up in copied text.

    Args:
        head: the headings.
        rows: as many cells each.
        right: headings of the columns that are set to the right, such as numbers.
    """
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        cells = (
            cell.rjust(width) if name in right else cell.ljust(width)
            for name, cell, width in zip(head, row, widths, strict=True)
        )
        yield ("  " + "  ".join(cells)).rstrip()
