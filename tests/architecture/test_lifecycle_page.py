"""The page of life cycles is the tables' own."""

from __future__ import annotations

from tests.architecture.lifecycle_page import PAGE, page


def test_the_page_of_life_cycles_is_current() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.architecture.lifecycle_page"
