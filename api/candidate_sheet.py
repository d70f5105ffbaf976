"""The list of candidates as a workbook, for the authority's office: one sheet, every cell text.

Made in memory: a library's temporary files would leave names on a disk. Nothing in the file's name or its properties is
about anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final

from xlsxwriter import Workbook  # type: ignore[import-untyped]  # it ships no types

MEDIA: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
COLUMNS: Final[dict[str, int]] = {  # in order, with their widths in characters
    "candidate_number": 12,
    "arabic": 28,
    "latin": 28,
    "birth_date": 12,
    "birth_certainty": 18,
    "sex": 10,
    "centre": 28,
    "trade": 24,
    "flags": 34,
    "decision": 16,
    "learner": 38,
}


def workbook(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], *, right_to_left: bool) -> bytes:
    """A workbook of one sheet: the row of heads stays in sight and on every printed page.

    Each value is written as text, whatever it begins with: none is ever a formula, a number or a link.
    """
    file = BytesIO()
    with Workbook(file, {"in_memory": True}) as book:
        sheet, bold = book.add_worksheet(title), book.add_format({"bold": True, "text_wrap": True})
        if right_to_left:
            sheet.right_to_left()
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        for at, width in enumerate(COLUMNS.values()):
            sheet.set_column(at, at, width)
        _write(sheet, 0, heads, bold)
        for at, row in enumerate(rows, 1):
            _write(sheet, at, row)
    return file.getvalue()


def _write(sheet: Any, at: int, values: Sequence[str], form: Any = None) -> None:
    for column, value in enumerate(values):
        sheet.write_string(at, column, value, form)
