from __future__ import annotations

import pytest

from airflow_provider_imagekit.similarity.review.thumbnails import thumbnail_url, web_url

HOST = "https://ik.imagekit.io/demo"
STEP = "w-40,h-30,c-at_max"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"{HOST}/a.jpg", f"{HOST}/a.jpg?tr={STEP}"),
        (f"{HOST}/a.jpg?updatedAt=17", f"{HOST}/a.jpg?updatedAt=17&tr={STEP}"),
        (f"{HOST}/a.jpg?tr=w-400&v=1", f"{HOST}/a.jpg?tr=w-400:{STEP}&v=1"),
        (f"{HOST}/a.jpg?v=1&tr=w-400:rt-90", f"{HOST}/a.jpg?v=1&tr=w-400:rt-90:{STEP}"),
        (f"{HOST}/tr:w-400/x/a.jpg", f"{HOST}/tr:w-400:{STEP}/x/a.jpg"),
        (f"{HOST}/a.jpg?utr=1", f"{HOST}/a.jpg?utr=1&tr={STEP}"),
        (f"{HOST}/a%20b/%C3%BC.jpg#top", f"{HOST}/a%20b/%C3%BC.jpg?tr={STEP}"),
    ],
)
def test_a_thumbnail_is_one_more_transformation_step(url, expected):
    assert thumbnail_url(url, STEP) == expected


@pytest.mark.parametrize("query", ["ik-s=abc", "ik-t=99&ik-s=abc", "tr=w-4&ik-s=abc"])
def test_a_signed_url_is_not_changed(query):
    assert thumbnail_url(f"{HOST}/a.jpg?{query}", STEP) == f"{HOST}/a.jpg?{query}"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        5,
        "a.jpg",
        "//host/a.jpg",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https:",
        "http://[broken",
    ],
)
def test_only_web_urls_are_linked(value):
    assert web_url(value) is None


def test_blanks_around_a_url_are_removed():
    assert web_url(f" {HOST}/a.jpg\n") == f"{HOST}/a.jpg"
