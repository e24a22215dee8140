from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.distance import DistanceBounds
from airflow_provider_imagekit.similarity.verdict import Decision, is_low_information, judge

IMAGE = PHash.parse("f06830ca9f1e3e90")
NEAR = PHash.parse("f06830ca9f1e3e97")  # 3 bits away
FAR = PHash.parse("2222222222222222")  # 30 bits away
ZERO = PHash(0)
FLAT_WHITE = PHash.parse("ccc9e67048f23f1d")
UP_TO_8 = DistanceBounds(max_distance=8)

hashes = st.integers(1, 2**64 - 1).map(PHash)


class TestJudge:
    def test_a_near_picture_is_similar(self):
        verdict = judge(IMAGE, NEAR, UP_TO_8)
        assert (verdict.decision, verdict.matched, verdict.distance) == (Decision.SIMILAR, True, 3)
        assert verdict.similarity == 0.953125
        assert verdict.reason == "The distance is 3 of 64 bits, within the bounds (at most 8)."

    def test_a_far_picture_is_different(self):
        verdict = judge(IMAGE, FAR, UP_TO_8)
        assert (verdict.decision, verdict.matched, verdict.distance) == (Decision.DIFFERENT, False, 30)
        assert "outside the bounds" in verdict.reason

    def test_with_min_distance_alone_a_different_picture_matches(self):
        verdict = judge(IMAGE, FAR, DistanceBounds(min_distance=20))
        assert (verdict.decision, verdict.matched) == (Decision.DIFFERENT, True)
        verdict = judge(IMAGE, NEAR, DistanceBounds(min_distance=20))
        assert (verdict.decision, verdict.matched) == (Decision.SIMILAR, False)

    def test_below_a_band_it_is_similar_and_does_not_match(self):
        verdict = judge(IMAGE, IMAGE, DistanceBounds(max_distance=8, min_distance=1))
        assert (verdict.decision, verdict.matched) == (Decision.SIMILAR, False)

    @given(hashes, hashes, st.integers(0, 64))
    def test_the_order_of_the_two_does_not_matter(self, first, second, limit):
        bounds = DistanceBounds(max_distance=limit)
        there, back = judge(first, second, bounds), judge(second, first, bounds)
        assert (there.decision, there.matched, there.distance) == (back.decision, back.matched, back.distance)

    def test_as_xcom_is_exactly_the_five_keys_in_plain_json(self):
        xcom = judge(IMAGE, NEAR, UP_TO_8).as_xcom()
        assert json.loads(json.dumps(xcom)) == {
            "matched": True,
            "distance": 3,
            "similarity": 0.953125,
            "phash": "f06830ca9f1e3e90",
            "reference_phash": "f06830ca9f1e3e97",
        }


class TestUndecidable:
    @pytest.mark.parametrize(
        ("phash", "reference", "reason"),
        [
            (None, IMAGE, "The picture has no pHash"),
            (IMAGE, None, "The reference has no pHash"),
            (None, None, "The picture has no pHash"),
            (ZERO, IMAGE, "of the picture is that of a flat picture"),
            (IMAGE, ZERO, "of the reference is that of a flat picture"),
            (ZERO, ZERO, "of the picture is that of a flat picture"),
            (FLAT_WHITE, FLAT_WHITE, "of the picture is that of a flat picture"),
        ],
    )
    @pytest.mark.parametrize("bounds", [UP_TO_8, DistanceBounds(min_distance=0), DistanceBounds(64)])
    def test_a_missing_or_flat_picture_never_matches(self, phash, reference, reason, bounds):
        verdict = judge(phash, reference, bounds, low_information={FLAT_WHITE})
        assert verdict.decision is Decision.UNDECIDABLE
        assert verdict.matched is False
        assert verdict.distance is None
        assert verdict.similarity is None
        assert reason in verdict.reason

    def test_its_xcom_keeps_the_keys(self):
        assert judge(None, ZERO, UP_TO_8).as_xcom() == {
            "matched": False,
            "distance": None,
            "similarity": None,
            "phash": None,
            "reference_phash": "0000000000000000",
        }

    def test_only_zero_is_low_information_unless_others_are_listed(self):
        assert is_low_information(ZERO)
        assert not is_low_information(FLAT_WHITE)
        assert is_low_information(FLAT_WHITE, {FLAT_WHITE})
        assert is_low_information(FLAT_WHITE, [FLAT_WHITE])


def test_a_decision_is_its_text():
    assert [str(decision) for decision in Decision] == ["similar", "different", "undecidable"]
    assert json.dumps(Decision.SIMILAR) == '"similar"'
