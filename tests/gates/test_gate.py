from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.exceptions import ImageKitInputError, InvalidPHashError, MissingPHashError
from airflow_provider_imagekit.gates.gate import PHashGate
from airflow_provider_imagekit.gates.references import ImageKind, ImageRef
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.verdict import Decision

PHASH = "f06830ca9f1e3e90"
NEAR = "f06830ca9f1e3e97"
URL = "https://ik.imagekit.io/demo/a.jpg"
ZEROS = ["0000000000000000"]
BLANK = [None, "", "  "]
KINDS = ("file_id", "url", "phash")

ids = st.text("abcdef0123456789", min_size=1)
urls = ids.map(lambda name: f"https://ik.imagekit.io/demo/{name} ä.jpg?tr=w-1,h-2")
phash_texts = st.integers(1, 2**64 - 1).map(lambda bits: f"{bits:016x}")


def pictures(prefix: str = ""):
    return st.one_of(
        st.fixed_dictionaries({f"{prefix}file_id": ids}),
        st.fixed_dictionaries({f"{prefix}url": urls}),
        st.fixed_dictionaries({f"{prefix}phash": phash_texts}),
    )


limits = st.one_of(
    st.fixed_dictionaries({"max_distance": st.integers(0, 64)}),
    st.fixed_dictionaries({"min_distance": st.integers(0, 64)}),
    st.fixed_dictionaries({"max_distance": st.integers(32, 64), "min_distance": st.integers(0, 32)}),
)


class Library:
    """Implements ``get_phash`` from a table and records the requests."""

    def __init__(self, **phashes: str | None) -> None:
        self.phashes = phashes
        self.requested: list[dict[str, str]] = []

    def __call__(self, **name: str) -> PHash | None:
        self.requested.append(name)
        [value] = name.values()
        phash = self.phashes[value]
        return None if phash is None else PHash.parse(phash)


class TestParse:
    def test_each_side_is_named_in_one_of_three_ways(self):
        gate = PHashGate.parse(file_id="abc", reference_url=URL, max_distance="near_duplicate")
        assert gate.image == ImageRef(ImageKind.FILE_ID, "abc")
        assert gate.reference == ImageRef(ImageKind.URL, URL)
        assert gate.bounds.max_distance == 8

    @pytest.mark.parametrize("blank", BLANK, ids=repr)
    def test_blank_texts_count_as_absent(self, blank):
        gate = PHashGate.parse(
            file_id=blank,
            url=blank,
            phash=PHASH,
            reference_file_id="abc",
            reference_url=blank,
            reference_phash=blank,
            max_distance=8,
            min_distance=blank,
        )
        assert gate == PHashGate.parse(phash=PHASH, reference_file_id="abc", max_distance=8)

    @pytest.mark.parametrize("blank", BLANK, ids=repr)
    def test_a_picture_that_is_not_named_is_refused(self, blank):
        with pytest.raises(
            ImageKitInputError, match="one of file_id, url, phash is needed; got none of them"
        ):
            PHashGate.parse(file_id=blank, reference_phash=PHASH, max_distance=8)
        with pytest.raises(ImageKitInputError, match=r"one of reference_file_id, .* got none of them"):
            PHashGate.parse(phash=PHASH, reference_url=blank, max_distance=8)

    def test_a_picture_that_is_named_twice_is_refused_by_the_names_given(self):
        with pytest.raises(ImageKitInputError, match="got file_id and phash"):
            PHashGate.parse(file_id="abc", phash=PHASH, reference_phash=PHASH, max_distance=8)
        with pytest.raises(ImageKitInputError, match="got reference_url and reference_phash"):
            PHashGate.parse(phash=PHASH, reference_url=URL, reference_phash=PHASH, max_distance=8)

    @pytest.mark.parametrize("zeros", ZEROS)
    @pytest.mark.parametrize("name", ["phash", "reference_phash"])
    def test_a_literal_hash_of_zeros_is_refused_since_it_is_undecidable(self, name, zeros):
        other = {"phash": "reference_phash", "reference_phash": "phash"}[name]
        with pytest.raises(ImageKitInputError, match=f"^{name} is all zeros"):
            PHashGate.parse(**{name: zeros, other: PHASH}, max_distance=8)

    @pytest.mark.parametrize("value", ["f06830ca9f1e3e90f", "0xf0", "not a hash", "abc", 42])
    def test_a_malformed_literal_hash_is_refused(self, value):
        with pytest.raises(InvalidPHashError):
            PHashGate.parse(phash=value, reference_phash=PHASH, max_distance=8)

    @pytest.mark.parametrize("name", ["file_id", "url"])
    def test_a_name_that_is_not_a_text_is_refused(self, name):
        with pytest.raises(ImageKitInputError, match=f"{name} is .*, a list instead of a text"):
            PHashGate.parse(**{name: ["abc"]}, reference_phash=PHASH, max_distance=8)

    def test_a_gate_without_bounds_is_refused(self):
        with pytest.raises(ImageKitInputError, match="Neither max_distance nor min_distance"):
            PHashGate.parse(phash=PHASH, reference_phash=NEAR)


class TestArguments:
    @given(pictures(), pictures("reference_"), limits)
    def test_they_survive_json_and_give_an_equal_gate(self, image, reference, bounds):
        gate = PHashGate.parse(**image, **reference, **bounds)
        assert PHashGate.parse(**json.loads(json.dumps(gate.arguments()))) == gate

    def test_they_are_the_stored_form_of_a_trigger(self):
        gate = PHashGate.parse(url=URL, reference_phash=PHASH.upper(), max_distance="12", min_distance=3.0)
        assert gate.arguments() == {
            "url": URL,
            "reference_phash": PHASH,
            "max_distance": 12,
            "min_distance": 3,
        }


class TestFixed:
    @pytest.mark.parametrize("image", KINDS)
    @pytest.mark.parametrize("reference", KINDS)
    def test_only_two_literal_hashes_cannot_change(self, image, reference):
        names = {"file_id": "abc", "url": URL, "phash": PHASH}
        named = {image: names[image], f"reference_{reference}": names[reference]}
        gate = PHashGate.parse(**named, max_distance=8)
        assert gate.fixed == (image == reference == "phash")


class TestCheck:
    def test_two_literal_hashes_send_no_request(self):
        library = Library()
        verdict = PHashGate.parse(phash=PHASH, reference_phash=NEAR, max_distance=8).check(library)
        assert (verdict.matched, verdict.distance) == (True, 3)
        assert library.requested == []

    def test_the_picture_is_requested_before_the_reference(self):
        library = Library(abc=PHASH, **{URL: NEAR})
        gate = PHashGate.parse(file_id="abc", reference_url=URL, max_distance=8)
        assert gate.check(library).as_xcom()["phash"] == PHASH
        assert library.requested == [{"file_id": "abc"}, {"url": URL}]

    def test_only_the_side_that_is_not_literal_is_requested(self):
        library = Library(abc=PHASH)
        assert (
            PHashGate.parse(phash=NEAR, reference_file_id="abc", max_distance=8).check(library).distance == 3
        )
        assert library.requested == [{"file_id": "abc"}]

    def test_the_same_picture_on_both_sides_is_requested_once(self):
        library = Library(abc=PHASH)
        verdict = PHashGate.parse(file_id="abc", reference_file_id="abc", max_distance=0).check(library)
        assert (verdict.matched, verdict.distance) == (True, 0)
        assert library.requested == [{"file_id": "abc"}]

    @pytest.mark.parametrize("phash", [None, "0"])
    def test_a_picture_without_a_useful_hash_is_undecidable(self, phash):
        gate = PHashGate.parse(file_id="abc", reference_phash=PHASH, max_distance=64)
        assert gate.check(Library(abc=phash)).decision is Decision.UNDECIDABLE

    def test_a_hash_on_the_list_of_flat_ones_is_undecidable(self):
        gate = PHashGate.parse(file_id="abc", reference_phash=NEAR, max_distance=64, low_information=[PHASH])
        verdict = gate.check(Library(abc=PHASH))
        assert verdict.decision is Decision.UNDECIDABLE

    def test_errors_of_get_phash_are_passed_on(self):
        def get_phash(**_: str) -> PHash:
            raise MissingPHashError("a video")

        with pytest.raises(MissingPHashError):
            PHashGate.parse(file_id="abc", reference_phash=PHASH, max_distance=8).check(get_phash)

    def test_its_text_names_the_pictures_and_bounds(self):
        gate = PHashGate.parse(file_id="abc", reference_phash=PHASH, max_distance=8)
        assert str(gate) == f"distance of file_id abc to phash {PHASH} at most 8"
