"""How numbers of things are said."""

from __future__ import annotations

import pytest

from airflow_provider_imagekit.io.progress import counted


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 files"), (1, "1 file"), (1.0, "1 file"), (0.5, "0.5 files"), (1_000_000, "1,000,000 files")],
)
def test_one_thing_is_singular_and_others_are_plural(count: float, text: str) -> None:
    assert counted(count, "file") == text


def test_an_irregular_plural_is_given() -> None:
    assert [counted(count, "hash", "hashes") for count in (1, 2)] == ["1 hash", "2 hashes"]
