from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.emulator.errors import ApiError
from airflow_provider_imagekit.emulator.search.query import compile_search, names_type
from airflow_provider_imagekit.emulator.search.syntax import And, Comparison, Literal, Or, parse

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
FILE = {
    "type": "file",
    "name": "red-dress.jpg",
    "filePath": "/shop/women/red-dress.jpg",
    "fileId": "a" * 24,
    "tags": ["sale", "Summer"],
    "AITags": [{"name": "cloth", "confidence": 99.0, "source": "aws-auto-tagging"}],
    "createdAt": "2026-03-01T00:00:00.000Z",
    "updatedAt": "2026-03-09T00:00:00.000Z",
    "width": 800,
    "height": 600,
    "size": 2 * 1024 * 1024,
    "mime": "image/jpeg",
    "isPrivateFile": False,
    "isPublished": True,
    "hasAlpha": False,
    "customMetadata": {"brand": "Nike", "rating": 4.5, "stock": True, "regions": ["EMEA", "US"]},
}
FOLDER = {
    "type": "folder",
    "name": "women",
    "folderPath": "/shop/women",
    "folderId": "b" * 24,
    "customMetadata": {},
    "createdAt": "2026-01-01T00:00:00.000Z",
    "updatedAt": "2026-01-01T00:00:00.000Z",
}


@pytest.mark.parametrize(
    "query",
    [
        'name = "red-dress.jpg"',
        'name : "red-"',
        'name HAS "DRESS"',
        'name HAS "dress red"',
        'name HAS "red dre"',
        'name IN ["x", "red-dress.jpg"]',
        'name NOT = "x"',
        'name NOT IN ["x"]',
        'tags IN ["sale"]',
        'tags IN ["cloth"]',
        'tags NOT IN ["winter"]',
        "tags EXISTS",
        'tags HAS "summer"',
        'type = "file"',
        'id = "aaaaaaaaaaaaaaaaaaaaaaaa"',
        'createdAt > "2w"',
        'createdAt < "7d"',
        'updatedAt >= "2d"',
        'createdAt = "2026-03-01"',
        "createdAt >= '2026-02-28 10:00:00'",
        'createdAt < "2026-03-01T00:00:01Z"',
        "width > 500",
        "height <= 600",
        "width IN [800, 900]",
        'size > "1mb"',
        "size = 2097152",
        'size < "2.5MB"',
        'format = "jpg"',
        'format IN ["png", "jpg"]',
        "private = false",
        "published = true",
        "transparency = false",
        'path = "/shop/women"',
        'path : "/shop/"',
        'path : "/"',
        'path NOT = "/shop"',
        '"customMetadata.brand" = "Nike"',
        '"customMetadata.rating" > 4',
        '"customMetadata.stock" = true',
        '"customMetadata.regions" IN ["EMEA"]',
        '"customMetadata.colour" NOT EXISTS',
        '"customMetadata.brand" : "Ni"',
        '(size < "1mb" AND width > 500) OR (tags IN ["summer-sale","sale"])',
        "width > 900 OR width > 700 AND height = 600",
    ],
)
def test_a_matching_query_finds_the_file(query):
    assert compile_search(query, NOW)(FILE)


@pytest.mark.parametrize(
    "query",
    [
        'name = "Red-dress.jpg"',
        'name HAS "ress"',
        'tags IN ["summer"]',
        "tags NOT EXISTS",
        'createdAt > "7d"',
        "width > 800",
        'size > "2mb"',
        'format = "png"',
        "private = true",
        'path = "/shop"',
        'path : "/sho"',
        '"customMetadata.brand" = "nike"',
        '"customMetadata.brand" > 4',
        'createdBy = "me@example.com"',
        "(width > 900 OR width > 700) AND height = 601",
        'type = "folder"',
        'id IN ["x"]',
    ],
)
def test_another_query_does_not_find_the_file(query):
    assert not compile_search(query, NOW)(FILE)


def test_folders_are_found_by_their_fields():
    assert compile_search('type = "folder" AND path = "/shop"', NOW)(FOLDER)
    assert not compile_search("width > 1", NOW)(FOLDER)
    assert not compile_search("tags EXISTS", NOW)(FOLDER)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "createdAt > 7d",
            "createdAt field must have a valid date value. Make sure the value is enclosed within",
        ),
        ('createdAt > "soon"', "createdAt field must have a valid date value."),
        ("name = red.jpg", "name field must have a valid string value."),
        ("tags IN ['small']", "double quotes"),
        ('private = "true"', "boolean"),
        ('width > "wide"', "numeric"),
        ('size > "2 apples"', "valid size"),
        ('width HAS "8"', "does not support the operator HAS"),
        ('pHash = "f06830ca9f1e3e90"', "not a field"),
        ('name = "a" AND', "unexpected end of the query"),
        ('name = "a" name = "b"', "unexpected"),
        ('(name = "a"', "unexpected end of the query"),
        ('name LIKE "a"', "not an operator"),
        ('name = "a', "unexpected character"),
        ("(" * 30 + 'name = "a"' + ")" * 30, "nested at most"),
        (" OR ".join(['name = "a"'] * 2000), "at most"),
    ],
)
def test_an_invalid_query_is_refused_with_the_reason(query, message):
    with pytest.raises(ApiError) as refused:
        compile_search(query, NOW)
    assert refused.value.status == 400
    assert refused.value.body["message"].startswith("Invalid search query - ")
    assert message in refused.value.body["message"]


def test_and_binds_more_tightly_than_or():
    one, two, three = (f'name = "{name}"' for name in "abc")
    parsed = parse(f"{one} OR {two} AND {three}")
    assert isinstance(parsed, Or)
    assert isinstance(parsed.parts[1], And)


def test_a_condition_on_the_type_is_detected():
    assert names_type('(name = "a" OR type IN ["file", "folder"])')
    assert not names_type('name = "type"')


texts = st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cs", "Cc"]), max_size=20)
comparisons = st.builds(
    Comparison,
    st.sampled_from(["name", "tags"]),
    st.sampled_from(["HAS", "IN"]),
    st.lists(st.builds(Literal, texts, st.just(True)), min_size=1, max_size=1).map(tuple),
    st.booleans(),
)
queries = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        *(st.builds(kind, st.lists(inner, min_size=2, max_size=3).map(tuple)) for kind in (And, Or))
    ),
    max_leaves=8,
)


def write(query) -> str:
    """Return a query as text with every group in parentheses."""
    if isinstance(query, Comparison):
        values = ",".join(f'"{value.text}"' for value in query.values)
        values = f"[{values}]" if query.operator == "IN" else values
        return f"{query.field} {'NOT ' if query.negated else ''}{query.operator} {values}"
    word = " AND " if isinstance(query, And) else " OR "
    return word.join(f"({write(part)})" for part in query.parts)


@given(queries)
def test_a_written_query_is_parsed_back(query):
    assert parse(write(query)) == query


@given(queries)
def test_every_query_decides_about_every_asset(query):
    test = compile_search(write(query), NOW)
    assert test(FILE) in (True, False)
    assert test(FOLDER) in (True, False)


@given(st.text(st.sampled_from("na me=\"1IN[]():<>ANDOR,'\\é\n"), max_size=60) | st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text):
    with contextlib.suppress(ApiError):
        compile_search(text, NOW)(FILE)


def test_the_listing_is_searched(ik, get):
    def names(**query: str) -> set[str]:
        return {item["name"] for item in get("/v1/files", params=query).json()}

    assert names(searchQuery='format = "png"') == {"b.png"}
    assert names(searchQuery='path : "/folder"') == {"a.jpg", "b.png"}
    assert names(searchQuery='createdAt > "1h" AND width >= 320', fileType="image") == {
        "a.jpg",
        "b.png",
        "top.webp",
    }
    assert names(searchQuery='type = "folder"') == {"folder"}


def test_a_search_overrides_type_name_and_tags_but_not_path(ik, get):
    query = {"searchQuery": 'name HAS "a"', "type": "folder", "name": "b.png", "tags": "x"}
    assert [item["name"] for item in get("/v1/files", params=query).json()] == ["a.jpg"]
    assert get("/v1/files", params={**query, "path": "/"}).json() == []


def test_a_bad_search_is_400(get):
    response = get("/v1/files", params={"searchQuery": "createdAt > 7d"})
    assert response.status_code == 400
    assert response.json()["message"].startswith(
        "Invalid search query - createdAt field must have a valid date value"
    )
