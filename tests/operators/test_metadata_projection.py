from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.operators.metadata import project

METADATA: dict[str, Any] = {
    "width": 100,
    "pHash": "f06830ca9f1e3e90",
    "exif": {"image": {"Make": "Canon", "Model": "40D"}, "gps": {"GPSLatitudeRef": "N"}, "makernote": {}},
    "somethingNew": {"a": 1},
}


def test_without_wishes_everything_stays() -> None:
    assert project(METADATA) == METADATA


@pytest.mark.parametrize(
    "fields", [["pHash", "exif.image.Make"], "pHash, exif.image.Make", ("exif.image.Make", "pHash")]
)
def test_fields_keep_dotted_paths(fields: Any) -> None:
    assert project(METADATA, fields=fields) == {
        "pHash": "f06830ca9f1e3e90",
        "exif": {"image": {"Make": "Canon"}},
    }


def test_exclude_drops_dotted_paths_and_leaves_the_original_alone() -> None:
    slim = project(METADATA, exclude=["exif.gps", "exif.image.Model", "width"])
    assert slim == {
        "pHash": "f06830ca9f1e3e90",
        "exif": {"image": {"Make": "Canon"}, "makernote": {}},
        "somethingNew": {"a": 1},
    }
    assert METADATA["exif"]["gps"] == {"GPSLatitudeRef": "N"}


def test_fields_and_exclude_work_together() -> None:
    assert project(METADATA, fields=["exif"], exclude=["exif.gps", "exif.makernote"]) == {
        "exif": {"image": {"Make": "Canon", "Model": "40D"}}
    }


def test_a_documented_field_that_the_answer_lacks_is_left_out() -> None:
    assert project({"height": 720}, fields=["height", "pHash", "exif.image.Make"]) == {"height": 720}


def test_a_field_that_is_new_in_the_answer_can_be_named() -> None:
    assert project(METADATA, fields=["somethingNew.a"]) == {"somethingNew": {"a": 1}}


@pytest.mark.parametrize("wrong", ["phash", "", ".", "exif..Make", 3, None, b"pHash"])
@pytest.mark.parametrize("argument", ["fields", "exclude"])
def test_a_name_that_neither_imagekit_nor_the_answer_knows_is_refused(argument: str, wrong: Any) -> None:
    with pytest.raises(ImageKitInputError, match=f"{argument} names"):
        project(METADATA, **{argument: [wrong]})


@pytest.mark.parametrize("wrong", [3, {"pHash": 1}, b"pHash"])
def test_what_is_no_list_of_names_is_refused(wrong: Any) -> None:
    with pytest.raises(ImageKitInputError, match="instead of a list"):
        project(METADATA, fields=wrong)


@pytest.mark.parametrize("exif", [None, 7, "gps", ["gps"]])
def test_exif_that_is_not_an_object_passes(exif: Any) -> None:
    assert project({"exif": exif, "width": 1}, exclude=["exif.gps"]) == {"exif": exif, "width": 1}
