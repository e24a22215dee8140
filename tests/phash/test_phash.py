from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.exceptions import ImageKitInputError, InvalidPHashError
from airflow_provider_imagekit.phash import PHASH_BITS, PHash, phash_distance, phash_similarity

#: All pairs in ImageKit's documentation, READMEs and SDK tests, with their documented distances.
DOCUMENTED_PAIRS = [
    ("f06830ca9f1e3e90", "f06830ca9f1e3e90", 0),
    ("33699c96619cc69e", "33699c96619cc69e", 0),
    ("63433b3ccf8e1ebe", "61433b3fcf8f9faf", 8),
    ("2d5ad3936d2e015b", "2d6ed293db36a4fb", 17),
    ("63433b3ccf8e1ebe", "f5d2226cd9d32b16", 27),
    ("33699c96619cc69e", "968e978414fe04ea", 30),
    ("f06830ca9f1e3e90", "2222222222222222", 30),
    ("a4a65595ac94518b", "7838873e791f8400", 37),
]
#: Similarities in the documentation.
DOCUMENTED_SIMILARITIES = [
    ("63433b3ccf8e1ebe", "61433b3fcf8f9faf", 0.875),
    ("63433b3ccf8e1ebe", "f5d2226cd9d32b16", 0.578125),
]
#: Malformed values from the SDKs' tests, and values that the SDKs' lenient parsers accept.
MALFORMED = [
    None,
    "",
    " ",
    "INVALIDHEXSTRING",
    "a4a655~!!@94518b",
    2222222222222222,
    16.0,
    True,
    b"f06830ca9f1e3e90",
    ["f06830ca9f1e3e90"],
    "0xf06830ca9f1e3e",
    "-f06830ca9f1e3e9",
    "+f06830ca9f1e3e9",
    " f06830ca9f1e3e90",
    "f06830ca9f1e3e90 ",
    "f06830ca9f1e3e90\n",
    "f068_30ca9f1e3e9",
    "f06830ca9f1e3e90f",
    "f06830ca9f1e3e90f06830ca9f1e3e90",
    "٠١٢٣٤٥٦٧٨٩٠١٢٣٤٥",
]

hashes = st.integers(0, 2**PHASH_BITS - 1).map(PHash)


class TestDocumentedPairs:
    @pytest.mark.parametrize(("first", "second", "distance"), DOCUMENTED_PAIRS)
    def test_the_distance_is_the_documented_one_in_both_orders(self, first, second, distance):
        assert phash_distance(first, second) == distance
        assert phash_distance(second, first) == distance
        assert PHash.parse(first) - PHash.parse(second) == distance

    @pytest.mark.parametrize(("first", "second", "similarity"), DOCUMENTED_SIMILARITIES)
    def test_the_similarity_is_the_documented_one(self, first, second, similarity):
        assert phash_similarity(first, second) == similarity

    def test_the_pair_that_one_sdk_miscounts_has_distance_thirty(self):
        first, second = "33699c96619cc69e", "968e978414fe04ea"
        ones_in_decimal = str(int(first, 16) ^ int(second, 16)).count("1")
        assert ones_in_decimal == 2  # what .NET's SDK 4.0 to 5.0 answers, and its test pins
        assert phash_distance(first, second) == 30


class TestParse:
    @pytest.mark.parametrize("value", MALFORMED, ids=repr)
    def test_malformed_input_is_refused_with_the_expected_format(self, value):
        with pytest.raises(InvalidPHashError, match="hexadecimal digits") as refused:
            PHash.parse(value)
        assert isinstance(refused.value, ValueError)
        assert isinstance(refused.value, ImageKitInputError)

    @pytest.mark.parametrize("value", MALFORMED, ids=repr)
    def test_malformed_input_is_refused_on_either_side_of_a_distance(self, value):
        with pytest.raises(InvalidPHashError):
            phash_distance("f06830ca9f1e3e90", value)
        with pytest.raises(InvalidPHashError):
            phash_similarity(value, "f06830ca9f1e3e90")

    def test_a_long_text_is_cut_in_the_error(self):
        with pytest.raises(InvalidPHashError) as refused:
            PHash.parse("z" * 10_000)
        assert len(str(refused.value)) < 300

    def test_either_case_is_read_and_lower_case_written(self):
        assert PHash.parse("F06830CA9F1E3E90") == PHash.parse("f06830ca9f1e3e90")
        assert str(PHash.parse("F06830CA9F1E3E90")) == "f06830ca9f1e3e90"

    def test_a_short_text_is_padded_with_zeros_on_the_left(self):
        assert str(PHash.parse("42")) == "0000000000000042"

    @pytest.mark.parametrize("bits", [-1, 2**PHASH_BITS])
    def test_an_integer_beyond_64_bits_is_refused(self, bits):
        with pytest.raises(InvalidPHashError):
            PHash(bits)

    @given(hashes)
    def test_a_written_hash_is_parsed_back(self, phash):
        assert PHash.parse(str(phash)) == phash
        assert len(str(phash)) == PHASH_BITS // 4


class TestLaws:
    @given(hashes, hashes)
    def test_symmetry_and_range(self, first, second):
        assert first - second == second - first
        assert 0 <= first - second <= PHASH_BITS

    @given(hashes, hashes)
    def test_the_distance_is_zero_exactly_for_equal_hashes(self, first, second):
        assert first - first == 0
        assert (first - second == 0) == (first == second)

    @given(hashes, hashes, hashes)
    def test_the_distance_keeps_the_triangle_inequality(self, first, second, third):
        assert first - third <= (first - second) + (second - third)

    @given(hashes, st.sets(st.integers(0, PHASH_BITS - 1)))
    def test_flipping_n_bits_gives_the_distance_n(self, phash, positions):
        flipped = PHash(phash.bits ^ sum(1 << position for position in positions))
        assert phash - flipped == len(positions)

    @given(hashes, hashes)
    def test_similarity_is_the_share_of_equal_bits(self, first, second):
        assert first.similarity(second) == (PHASH_BITS - (first - second)) / PHASH_BITS


class TestValue:
    @given(hashes)
    def test_a_hash_survives_pickling(self, phash):
        assert pickle.loads(pickle.dumps(phash)) == phash

    @given(hashes, hashes)
    def test_it_is_ordered_as_its_text_is(self, first, second):
        assert (first < second) == (str(first) < str(second))

    @given(hashes)
    def test_equal_hashes_are_one_key(self, phash):
        assert len({phash, PHash.parse(str(phash).upper())}) == 1

    def test_it_cannot_be_changed(self):
        with pytest.raises(AttributeError):
            PHash(1).bits = 2

    def test_it_equals_no_text_and_no_number(self):
        assert PHash(1) != 1
        assert PHash(1) != "0000000000000001"
