from __future__ import annotations

import io
import json
import subprocess
import sys
from math import comb
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.exceptions import ImageKitInputError, InvalidPHashError
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.records import HashRecord
from airflow_provider_imagekit.similarity.threshold.chance import fair_chance, fitted_chance, hard_chance
from airflow_provider_imagekit.similarity.threshold.labels import LabelledPair, read_labels
from airflow_provider_imagekit.similarity.threshold.plot import plot_threshold_report
from airflow_provider_imagekit.similarity.threshold.report import threshold_report
from tests.similarity.samples import brute_force, by, flip, hash_lists

pytestmark = pytest.mark.slow

ALMOST_SAME, UNLIKE = LabelledPair(3, same=True), LabelledPair(30, same=False)


def records(hashes: list[int]) -> list[HashRecord]:
    return [HashRecord(str(i), PHash(bits)) for i, bits in enumerate(hashes)]


def unrelated(count: int) -> list[int]:
    rng = Random(3)
    return [rng.getrandbits(64) for _ in range(count)]


def with_copies(hashes: list[int], bits: int) -> list[int]:
    return hashes + [flip(value, list(range(bits))) for value in hashes]


class TestChance:
    def test_fair_bits_follow_the_binomial_distribution(self):
        assert fair_chance(0) == 2**-64
        assert fair_chance(64) == 1
        assert fair_chance(8) == sum(comb(64, k) for k in range(9)) / 2**64

    @pytest.mark.parametrize(
        ("radius", "chance"), [(4, 8.1e-8), (6, 3.2e-7), (8, 1.3e-6), (12, 1.3e-5), (16, 1.6e-4)]
    )
    def test_the_hard_set_is_as_measured(self, radius, chance):
        assert hard_chance(radius) == pytest.approx(chance)

    def test_all_chances_grow_with_the_radius_and_the_hard_set_is_above_fair_bits(self):
        for chance in (fair_chance, hard_chance):
            values = [chance(radius) for radius in range(17)]
            assert values == sorted(set(values))
        assert all(hard_chance(radius) > fair_chance(radius) for radius in range(17))

    def test_a_fit_to_fair_bits_gives_their_chance(self):
        histogram = [comb(64, k) for k in range(65)]
        assert fitted_chance(histogram, 10) == pytest.approx(fair_chance(10), rel=0.05)

    def test_a_wider_spread_gives_a_higher_chance(self):
        histogram = [comb(64, k) + 0.02 * comb(64, 32) * (17 <= k <= 47) for k in range(65)]
        assert fitted_chance(histogram, 10) > 10 * fair_chance(10)

    @given(st.lists(st.integers(0, 1000), min_size=65, max_size=65), st.integers(0, 64))
    def test_a_fit_is_a_probability(self, histogram, radius):
        assert 0 <= fitted_chance(histogram, radius) <= 1 + 1e-9

    @pytest.mark.parametrize("histogram", [[0] * 65, [5] + [0] * 64, [0] * 64 + [5]])
    def test_a_library_without_unrelated_pairs_can_be_fitted(self, histogram):
        assert 0 <= fitted_chance(histogram, 8) <= 1


class TestReport:
    @given(hash_lists)
    def test_found_pairs_and_histogram_equal_brute_force(self, hashes):
        report = by(False, threshold_report, records(hashes))
        useful = [bits for bits in hashes if bits]
        assert report.pictures == len(useful)
        assert report.left_out == len(hashes) - len(useful)
        for row in report.rows:
            assert row.found_pairs == len(brute_force(useful, None, row.radius))
        assert sum(report.histogram) == len(useful) * (len(useful) - 1) // 2
        assert not report.histogram_is_sampled

    def test_a_library_of_copies_without_labels_allows_the_default_radius(self):
        report = threshold_report(records(with_copies(unrelated(300), 3)))
        assert report.suggested_radius == 8
        assert [row.found_pairs for row in report.rows[:5]] == [0, 0, 0, 300, 300]
        assert "Of 300 pairs found" in report.risk

    def test_a_large_library_with_few_copies_needs_a_smaller_radius(self):
        hashes = unrelated(20_000)
        report = threshold_report(records(hashes + [flip(bits, [1, 2]) for bits in hashes[:60]]))
        assert report.histogram_is_sampled
        assert sum(report.histogram) > 900_000
        assert report.suggested_radius < 4
        assert report.rows[8].false_share == 1

    def test_labels_select_the_radius_that_finds_most_without_a_mistake(self):
        labels = [LabelledPair(distance, same=True) for distance in (1, 5, 9, 10)]
        labels += [LabelledPair(distance, same=False) for distance in (11, 12, 20)]
        report = threshold_report(records(with_copies(unrelated(100), 3)), labels=labels)
        assert report.suggested_radius == 10
        assert (report.rows[10].precision, report.rows[10].recall) == (1.0, 1.0)
        assert (report.rows[12].precision, report.rows[5].recall) == (4 / 6, 0.5)
        assert "Of 4 labelled pairs within it, 4 are the same" in report.risk
        assert "at least 60%" in report.risk
        assert "finds 100% of the pairs labelled the same" in report.risk

    def test_labels_of_different_pairs_within_a_radius_rule_it_out(self):
        labels = [ALMOST_SAME, LabelledPair(4, same=False), UNLIKE]
        report = threshold_report(records(with_copies(unrelated(100), 3)), labels=labels)
        assert report.suggested_radius == 3

    def test_the_risk_states_that_there_is_no_safe_radius(self):
        report = threshold_report(records(unrelated(20_000)))
        hopeless = [row for row in report.rows if row.false_share == 1]
        assert hopeless
        assert report.suggested_radius <= hopeless[0].radius

    @pytest.mark.parametrize("hashes", [[], [5], [5, 5]])
    def test_a_report_of_a_tiny_library_is_valid(self, hashes):
        report = threshold_report(records(hashes))
        assert report.suggested_radius == 8
        assert report.as_markdown()

    def test_it_is_plain_json_and_a_markdown_table(self):
        report = threshold_report(records(with_copies(unrelated(50), 3)), labels=[ALMOST_SAME, UNLIKE])
        assert json.loads(json.dumps(report.as_dict()))["suggested_radius"] == report.suggested_radius
        lines = report.as_markdown().splitlines()
        assert len(lines) == 2 + 13 + 2
        assert {line.count("|") for line in lines[:15]} == {8}
        assert lines[-1].startswith(f"Suggested radius: **{report.suggested_radius}**.")

    def test_a_radius_that_is_too_large_is_refused(self):
        with pytest.raises(ImageKitInputError, match="unrelated"):
            threshold_report([], max_radius=20)


class TestLabels:
    @pytest.mark.parametrize(
        ("said", "same"),
        [(True, True), ("yes", True), ("1", True), (1, True), (False, False), ("No", False), (0, False)],
    )
    def test_judgements_are_read_in_many_forms(self, said, same):
        rows = [{"phash": "1", "other_phash": "2", "same": said}]
        assert list(read_labels(rows)) == [LabelledPair(2, same=same)]

    def test_pictures_may_be_named_by_the_librarys_names(self):
        phashes = {"a": PHash(1), "b": PHash(3), "video": None}
        rows = [
            {"id": "a", "other_id": "b", "same": "true"},
            {"id": "a", "other_id": "video", "same": "true"},
        ]
        assert list(read_labels(rows, phashes)) == [LabelledPair(1, same=True)]

    @pytest.mark.parametrize(
        ("row", "error"),
        [
            ({"phash": "1", "other_phash": "2"}, "Label 1 has None in the column 'same'"),
            ({"phash": "1", "other_phash": "2", "same": "maybe"}, "'maybe'.*true or false"),
            ({"id": "a", "other_id": "zzz", "same": True}, "'other_id' is not a picture of the library"),
        ],
    )
    def test_what_cannot_be_read_is_refused(self, row, error):
        with pytest.raises(ImageKitInputError, match=error):
            list(read_labels([row], {"a": PHash(1)}))

    def test_a_malformed_hash_is_refused(self):
        with pytest.raises(InvalidPHashError):
            list(read_labels([{"phash": "xyz", "other_phash": "2", "same": True}]))


class TestPlot:
    @pytest.mark.parametrize(("image_format", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
    @pytest.mark.parametrize("hashes", [[], [5, 5, 6], "many"])
    def test_any_report_can_be_plotted(self, image_format, magic, hashes):
        hashes = with_copies(unrelated(200), 3) if hashes == "many" else hashes
        file = io.BytesIO()
        plot_threshold_report(threshold_report(records(hashes)), file, image_format=image_format)
        assert file.getvalue().startswith(magic)

    def test_without_matplotlib_the_error_names_the_extra_and_the_report_works(self):
        program = """
import sys
sys.modules["matplotlib"] = None
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.similarity.threshold.report import threshold_report
from airflow_provider_imagekit.similarity.threshold.plot import plot_threshold_report
try:
    plot_threshold_report(threshold_report([]), None)
except ImageKitInputError as error:
    print(error)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert "Install airflow-provider-imagekit[report]" in done.stdout


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_a_library_that_is_sampled_makes_no_difference(seed):
    hashes = with_copies(unrelated(800), 3)
    expected = threshold_report(records(hashes))
    assert expected.histogram_is_sampled
    Random(seed).shuffle(hashes)
    assert threshold_report(records(hashes)) == expected
