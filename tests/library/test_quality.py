"""Quality rules and expressions."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.library.expressions import Expression
from airflow_provider_imagekit.library.quality import KINDS, Inspection, Severity, parse_rules

GOOD: dict[str, Any] = {
    "file_id": "a",
    "path": "/shop/a.jpg",
    "url": "https://ik.imagekit.io/demo/shop/a.jpg",
    "file_type": "image",
    "width": 1200,
    "height": 800,
    "size": 50_000,
    "format": "jpg",
    "phash": "f06830ca9f1e3e90",
    "has_color_profile": True,
    "has_gps": False,
    "captured_at": "2024-01-01T00:00:00.000Z",
    "error": None,
    "deleted_at": None,
}

# A rule, its value, and values of a row that break it; GOOD satisfies all rules.
CASES: list[tuple[str, Any, dict[str, Any]]] = [
    ("min_width", 1000, {"width": 999}),
    ("min_height", "800", {"height": 799}),
    ("min_side", 800, {"width": 700, "height": 2000}),
    ("min_ratio", 1.5, {"width": 1199}),
    ("max_ratio", 1.5, {"width": 1201}),
    ("min_size", 50_000, {"size": 49_999}),
    ("max_size", 50_000, {"size": 50_001}),
    ("format", ["JPG", "png"], {"format": "gif"}),
    ("readable", None, {"error": "ImageKitBadRequestError"}),
    ("color_profile", None, {"has_color_profile": None}),
    ("no_gps", None, {"has_gps": True}),
    ("captured_at", None, {"captured_at": None}),
    ("phash", None, {"phash": None}),
    ("expression", "width >= height and 'shop' in path", {"height": 1201}),
]


def broken(rule: dict[str, Any], row: dict[str, Any]) -> list[dict[str, Any]]:
    return list(Inspection(parse_rules([rule])).violations([row]))


@pytest.mark.parametrize(("kind", "value", "bad"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_is_kept_and_broken(kind: str, value: Any, bad: dict[str, Any]) -> None:
    rule = {"rule": kind, "value": value}
    assert broken(rule, GOOD) == []
    [violation] = broken(rule, GOOD | bad)
    assert (violation["file_id"], violation["severity"]) == ("a", "fail")
    assert violation["column"]


def test_every_rule_is_tested() -> None:
    assert {case[0] for case in CASES} == {*KINDS, "expression"}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("readable", "no_gps")])
def test_an_unknown_value_breaks_a_rule(kind: str) -> None:
    [value] = [case[1] for case in CASES if case[0] == kind]
    assert broken({"rule": kind, "value": value}, dict.fromkeys(GOOD))


def test_it_counts_files_and_rules() -> None:
    rules = parse_rules(
        [
            {"rule": "min_width", "value": 1000, "severity": "warn"},
            {"rule": "min_width", "value": 2000, "severity": "Branch", "name": "retina"},
            {"rule": "phash"},
        ]
    )
    inspection = Inspection(rules)
    rows = [GOOD | {"width": 2400}, GOOD, GOOD | {"width": 5}, GOOD | {"deleted_at": "now", "width": 1}]
    found = list(inspection.violations([*rows, GOOD | {"file_type": "non-image", "width": None}]))
    assert [violation["rule"] for violation in found] == ["retina", "min_width", "retina"]
    assert (inspection.checked, inspection.passed, inspection.score) == (3, 1, 1 / 3)
    assert inspection.broken == {"min_width": 1, "retina": 2, "phash": 0}
    assert inspection.severity is Severity.BRANCH


def test_an_empty_table_breaks_no_rule() -> None:
    inspection = Inspection(parse_rules([{"rule": "phash"}]))
    assert list(inspection.violations([])) == []
    assert (inspection.score, inspection.severity) == (1.0, None)


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ([], "rules is"),
        ("min_width", "rules is"),
        (["min_width"], r"rules\[0\] is 'min_width'"),
        ([{"value": 1}], r"rules\[0\] is"),
        ([{"rule": "min_widht", "value": 1}], r"rules\[0\]\.rule is 'min_widht'.*Did you mean 'min_width'"),
        ([{"rule": "phash"}, {"rule": "min_width"}], r"rules\[1\]: min_width needs a value"),
        ([{"rule": "phash", "value": 1}], "phash accepts no value"),
        ([{"rule": "min_width", "value": "wide"}], r"rules\[0\]: value is 'wide'.*Use a number"),
        ([{"rule": "phash", "severity": "stop"}], r"rules\[0\]\.severity is 'stop'.*fail, branch, warn"),
        ([{"rule": "phash", "level": "warn"}], "has the unknown key 'level'"),
        ([{"rule": "phash"}, {"rule": "phash"}], "'phash' more than once"),
        ([{"rule": "expression", "value": "width >"}], "is not a valid expression|not a valid"),
    ],
)
def test_rules_that_cannot_be_used_are_refused(rules: Any, text: str) -> None:
    with pytest.raises(ImageKitInputError, match=text):
        parse_rules(rules)


def test_a_missing_column_is_reported_with_a_similar_one() -> None:
    rule = {"rule": "expression", "value": "widht > 1"}
    with pytest.raises(ImageKitInputError, match=r"needs the column 'widht'.*Did you mean 'width'"):
        broken(rule, GOOD)


class TestExpression:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("width == 1200 and not height > 800", True),
            ("width / height == 1.5", True),
            ("0 < height < width", True),
            ("format in ['jpg', 'png']", True),
            ("format not in ('jpg',) or -width < 0", True),
            ("captured_at is not None", True),
            ("error is None", True),
            ("width - 200 >= 1000 + 1", False),
            ("duration > 1", False),
            ("not duration", True),
            ("width / (height - 800) > 1", False),
            ("'a' * 3 == 'aaa'", False),
        ],
    )
    def test_it_is_read_as_python_reads_it(self, text: str, expected: bool) -> None:
        assert Expression(text).holds(GOOD) is expected

    def test_it_names_its_columns(self) -> None:
        assert Expression("width > height or width > 5").columns == {"width", "height"}

    @pytest.mark.parametrize(
        "text",
        [
            *(
                "__import__('os')",
                "path.upper()",
                "path[0]",
                "[row for row in path]",
                "lambda: 1",
                "f'{path}'",
            ),
            *("2 ** 99", "width := 1", "b'x'", "", "x" * 2000, "(" * 900, "width = 1"),
        ],
    )
    def test_it_runs_no_code(self, text: str) -> None:
        with pytest.raises(ImageKitInputError, match="The expression"):
            Expression(text)

    @given(st.text(max_size=30))
    def test_any_text_is_an_expression_or_refused(self, text: str) -> None:
        with suppress(ImageKitInputError):
            assert Expression(text).holds(GOOD) in (True, False)
