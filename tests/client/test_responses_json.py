from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.client.responses import json_safe, load_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def test_nan_and_infinities_become_null() -> None:
    assert load_json(b'{"a": NaN, "b": [Infinity, -Infinity, 1.5]}') == {"a": None, "b": [None, None, 1.5]}
    assert json_safe(float("nan")) is None


def test_nul_and_lone_surrogates_leave_strings_and_keys() -> None:
    assert load_json(b'{"Make\\u0000": "Canon\\u0000\\u0000", "x": "a\\ud800b", "ok": "\\ud83d\\ude00"}') == {
        "Make": "Canon",
        "x": "ab",
        "ok": "\N{GRINNING FACE}",
    }


def test_nul_ends_a_text_of_exif_but_not_one_that_begins_with_a_character_code() -> None:
    body = json.dumps(
        {
            "exif": {
                "image": {"Model": "ION230\x00F", "Make\x00": "\x00x", "Artist": ["a\x00b"]},
                "exif": {
                    "UserComment": "ASCII\x00\x00\x00text",
                    "ComponentsConfiguration": "\x01\x02\x03\x00",
                },
                "gps": {"GPSProcessingMethod": "ASCII\x00\x00\x00GPS"},
            },
            "name": "a\x00b",
        }
    )
    assert load_json(body.encode()) == {
        "exif": {
            "image": {"Model": "ION230", "Make": "", "Artist": ["a"]},
            "exif": {"UserComment": "ASCIItext", "ComponentsConfiguration": "\x01\x02\x03"},
            "gps": {"GPSProcessingMethod": "ASCIIGPS"},
        },
        "name": "ab",
    }


def test_blanks_around_keys_are_cut_as_an_old_answer_of_imagekit_had_them() -> None:
    assert load_json(b'{"bitRate ": 546524}') == {"bitRate": 546524}


@pytest.mark.parametrize("key", ["__classname__", "__data__", "__version__", "__type", "__var"])
def test_keys_that_airflow_reserves_are_renamed(key: str) -> None:
    assert list(json_safe({key: 1})) == [key.strip("_")]


def test_everything_else_stays_as_it_is() -> None:
    value = {
        "pHash": "f06830ca9f1e3e90",
        "exif": {"gps": {"GPSVersionID": [2, 2, 0, 0]}},
        "x": None,
        "y": True,
    }
    assert json_safe(value) == value


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": 1', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json and codecs raise several subclasses
        load_json(body)


@given(JSON)
def test_any_json_becomes_storable_in_postgresql(value: object) -> None:
    text = json.dumps(json_safe(value), allow_nan=False)
    assert "\\u0000" not in text
    json_safe(value).__repr__().encode()  # no unpaired surrogate is left
    assert json_safe(json_safe(value)) == json_safe(value)
