from __future__ import annotations

import json

import pytest

from airflow_provider_imagekit.exceptions import ImageKitInputError, InvalidPHashError
from airflow_provider_imagekit.gates.variants import VariantCheck
from airflow_provider_imagekit.phash import PHash

MASTER = PHash.parse("f06830ca9f1e3e90")
DELIVERED = {"pHash": "f06830ca9f1e3e97", "width": 300, "height": 200, "format": "jpg", "size": 4000}
CHECK = VariantCheck(width=300, height=200, format="jpeg", max_bytes=4000)


class TestCheck:
    def test_a_variant_as_required_passes(self):
        result = CHECK.check(MASTER, DELIVERED)
        assert result.passed
        assert json.loads(json.dumps(result.as_xcom())) == {
            "matched": True,
            "distance": 3,
            "similarity": 0.953125,
            "phash": "f06830ca9f1e3e97",
            "reference_phash": "f06830ca9f1e3e90",
            "passed": True,
            "problems": [],
        }

    @pytest.mark.parametrize(
        ("changed", "problem"),
        [
            ({"pHash": "2222222222222222"}, "The distance is 30 of 64 bits, outside the bounds (at most 8)."),
            ({"pHash": None}, "The picture has no pHash"),
            ({"pHash": "0000000000000000"}, "flat picture"),
            ({"width": 302}, "The width is 302 pixels instead of 300."),
            ({"height": None}, "The height is None pixels instead of 200."),
            ({"format": "webp"}, "The format is webp instead of jpeg."),
            ({"size": 4001}, "The file has 4001 bytes, more than 4000."),
            ({"size": None}, "The file has None bytes"),
        ],
    )
    def test_each_unmet_requirement_is_named(self, changed, problem):
        result = CHECK.check(MASTER, {**DELIVERED, **changed})
        assert not result.passed
        [named] = result.problems
        assert problem in named

    def test_all_problems_are_named(self):
        assert len(CHECK.check(None, {}).problems) == 5

    @pytest.mark.parametrize("width", [299, 301, "300", 300.0])
    def test_a_pixel_more_or_less_passes(self, width):
        assert CHECK.check(MASTER, {**DELIVERED, "width": width}).passed

    def test_only_given_requirements_are_checked(self):
        assert VariantCheck().check(MASTER, {"pHash": str(MASTER)}).passed

    def test_a_malformed_hash_raises_an_error(self):
        with pytest.raises(InvalidPHashError):
            CHECK.check(MASTER, {**DELIVERED, "pHash": "xyz"})


class TestParse:
    def test_values_of_templates_are_read(self):
        values = {
            "max_distance": "strict",
            "width": "300",
            "height": "",
            "format": "webp",
            "max_bytes": 5000.0,
        }
        assert VariantCheck.parse(values) == VariantCheck(4, 300, None, "webp", 5000)

    def test_without_requirements_the_default_distance_is_checked(self):
        assert VariantCheck.parse({}) == VariantCheck()

    @pytest.mark.parametrize(
        ("values", "error"),
        [
            ({"max_distance": 17}, "unrelated"),
            ({"width": "wide"}, "width is 'wide'"),
            ({"height": 0}, "height is 0"),
            ({"width": True}, "width is True"),
            ({"max_bytes": 0.5}, "max_bytes is 0.5"),
            ({"widht": 5}, "no 'widht' to check"),
        ],
    )
    def test_invalid_requirements_are_refused(self, values, error):
        with pytest.raises(ImageKitInputError, match=error):
            VariantCheck.parse(values)
