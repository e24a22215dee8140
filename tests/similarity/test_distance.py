from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.similarity.distance import (
    LEVELS,
    MAX_RADIUS,
    DistanceBounds,
    check_radius,
    parse_distance,
)

READABLE = [
    (8, 8),
    ("8", 8),
    (" 8 ", 8),
    ("08", 8),
    (8.0, 8),
    ("8.0", 8),
    ("+8", 8),
    (np.int64(8), 8),
    (0, 0),
    ("0", 0),
    (64, 64),
    ("identical", 0),
    ("strict", 4),
    ("near_duplicate", 8),
    ("review", 12),
]
ABSENT = [None, "", "  ", "\n"]
UNREADABLE = [
    True,
    False,
    8.5,
    "8.5",
    -1,
    "-1",
    65,
    "65",
    float("nan"),
    float("inf"),
    "nan",
    "1e1",
    "0x8",
    "८",
    "eight",
    "NEAR",
    Fraction(17, 2),
    [8],
    {"distance": 8},
    b"8",
]


class TestParseDistance:
    @pytest.mark.parametrize(("value", "distance"), READABLE, ids=repr)
    def test_rendered_template_values_are_parsed(self, value, distance):
        assert parse_distance(value) == distance

    @pytest.mark.parametrize("value", ABSENT, ids=repr)
    def test_nothing_and_blank_texts_mean_not_given(self, value):
        assert parse_distance(value) is None

    @pytest.mark.parametrize("value", UNREADABLE, ids=repr)
    def test_anything_else_is_refused_by_the_arguments_name(self, value):
        with pytest.raises(
            ImageKitInputError, match=r"max_distance is .* from 0 to 64, or one of: identical"
        ):
            parse_distance(value, "max_distance")

    def test_a_long_value_is_cut_in_the_error(self):
        with pytest.raises(ImageKitInputError) as refused:
            parse_distance("9" * 10_000)
        assert len(str(refused.value)) < 300


class TestCheckRadius:
    @pytest.mark.parametrize("radius", [0, 8, "review", MAX_RADIUS])
    def test_a_radius_of_similar_pictures_is_read(self, radius):
        assert check_radius(radius, "max_distance") == LEVELS.get(radius, radius)

    @pytest.mark.parametrize("radius", [MAX_RADIUS + 1, "32"])
    def test_a_radius_of_unrelated_pictures_must_be_forced(self, radius):
        with pytest.raises(ImageKitInputError, match=r"max_distance is .* unrelated"):
            check_radius(radius, "max_distance")
        assert check_radius(radius, "max_distance", force=True) == int(radius)

    @pytest.mark.parametrize("radius", ABSENT, ids=repr)
    def test_a_missing_radius_is_refused(self, radius):
        with pytest.raises(ImageKitInputError, match="max_distance is missing"):
            check_radius(radius, "max_distance")


class TestDistanceBounds:
    def test_both_ends_are_inclusive(self):
        bounds = DistanceBounds.parse("8", "3")
        assert [distance for distance in range(65) if bounds.contains(distance)] == [3, 4, 5, 6, 7, 8]

    def test_one_end_may_be_open(self):
        assert DistanceBounds.parse(max_distance=8).contains(0)
        assert DistanceBounds.parse(min_distance=8).contains(64)

    def test_a_single_distance_is_a_band(self):
        assert DistanceBounds.parse(0, 0).contains(0)

    @pytest.mark.parametrize("blank", ABSENT, ids=repr)
    def test_bounds_without_an_end_are_refused(self, blank):
        with pytest.raises(ImageKitInputError, match="Neither max_distance nor min_distance"):
            DistanceBounds.parse(blank, blank)

    def test_an_empty_band_is_refused(self):
        with pytest.raises(ImageKitInputError, match="No distance is at least 9 and at most 8"):
            DistanceBounds.parse(8, 9)

    @pytest.mark.parametrize("value", UNREADABLE, ids=repr)
    def test_an_unreadable_end_is_refused_by_name(self, value):
        with pytest.raises(ImageKitInputError, match="max_distance is"):
            DistanceBounds.parse(max_distance=value)
        with pytest.raises(ImageKitInputError, match="min_distance is"):
            DistanceBounds.parse(min_distance=value)

    @pytest.mark.parametrize("value", [-1, 65, True])
    def test_bounds_that_are_built_directly_are_checked(self, value):
        with pytest.raises(ImageKitInputError):
            DistanceBounds(max_distance=value)

    @given(st.integers(0, 64))
    def test_the_radius_is_max_distance_or_else_what_min_distance_excludes(self, limit):
        assert DistanceBounds(max_distance=limit).radius == limit
        assert DistanceBounds(max_distance=limit, min_distance=0).radius == limit
        assert DistanceBounds(min_distance=limit).radius == limit - 1

    def test_their_text_states_the_bounds(self):
        assert str(DistanceBounds(8, 3)) == "at least 3 and at most 8"
        assert str(DistanceBounds(8)) == "at most 8"
        assert str(DistanceBounds(min_distance=20)) == "at least 20"
