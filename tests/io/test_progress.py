"""Progress lines, and the formatting of counts."""

from __future__ import annotations

import pytest

from airflow_provider_imagekit.exceptions import StoppedError
from airflow_provider_imagekit.io.progress import Progress, counted


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 files"), (1, "1 file"), (1.0, "1 file"), (0.5, "0.5 files"), (1_000_000, "1,000,000 files")],
)
def test_one_thing_is_singular_and_others_are_plural(count: float, text: str) -> None:
    assert counted(count, "file") == text


def test_a_line_of_progress_says_one_in_the_singular() -> None:
    lines: list[str] = []
    progress = Progress(lines.append, every=0.0, clock=iter(range(0, 99, 10)).__next__)
    for done, total in ((1, None), (2, None), (1, 1)):
        progress.report("Reading", done, total, "rows")
    assert [line.partition(",")[0] for line in lines] == [
        "Reading: 1 row",
        "Reading: 2 rows",
        "Reading: 1 of 1 row",
    ]
    progress.stop()
    with pytest.raises(StoppedError, match=r"after 1 row\."):
        progress.report("Reading", 1, None, "rows")


def test_an_irregular_plural_is_given() -> None:
    assert [counted(count, "hash", "hashes") for count in (1, 2)] == ["1 hash", "2 hashes"]
