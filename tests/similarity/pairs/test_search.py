from __future__ import annotations

import subprocess
import sys
import tracemalloc
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.similarity.pairs.chunks import Chunk, found_before, plan_chunks
from airflow_provider_imagekit.similarity.pairs.pairs import DistinctHashes, use_numpy
from airflow_provider_imagekit.similarity.pairs.search import join
from airflow_provider_imagekit.similarity.pairs.search_numpy import find_pairs as find_with_numpy
from airflow_provider_imagekit.similarity.pairs.search_python import find_pairs as find_without_numpy
from tests.similarity.samples import HASHES, brute_force, by, flip, hash_lists, radii

pytestmark = pytest.mark.slow

ENGINES = {"numpy": True, "python": False}
EITHER = pytest.mark.parametrize("numpy", ENGINES.values(), ids=ENGINES.keys())
#: Sizes to plan for, so that small lists exercise the plans of larger ones.
PLANNED_SIZES = st.sampled_from([100, 10_000, 100_000, 1_000_000])


def distinct(hashes: list[int]) -> list[int]:
    return list(dict.fromkeys(hashes))


def test_a_crowd_of_near_hashes_takes_little_memory() -> None:
    """Any two of the hashes differ in at most 8 bits: 8 million pairs, none of which is stored."""
    chance = Random(1)
    hashes = distinct([sum(1 << bit for bit in chance.sample(range(64), 4)) for _ in range(4000)])
    tally = DistinctHashes(hashes).tally(of_new=True)
    tracemalloc.start()
    try:
        assert list(by(True, join, hashes, radius=8, tallies=(tally, tally))) == []
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


class TestExactness:
    @EITHER
    @given(hash_lists, radii)
    def test_join_equals_brute_force(self, numpy, hashes, radius):
        hashes = distinct(hashes)
        assert list(by(numpy, join, hashes, radius=radius)) == brute_force(hashes, None, radius)

    @EITHER
    @given(hash_lists, hash_lists, radii)
    def test_join_of_two_sets_equals_brute_force(self, numpy, first, second, radius):
        first, second = distinct(first), distinct(second)
        expected = brute_force(first, second, radius)
        assert list(by(numpy, join, first, second, radius=radius)) == expected

    @pytest.mark.parametrize("find_pairs", [find_with_numpy, find_without_numpy])
    @given(hash_lists, st.integers(0, 12), PLANNED_SIZES)
    @example([0, 1, 3, 7, 15], 4, 1_000_000)
    def test_every_plan_finds_all(self, find_pairs, hashes, radius, size):
        hashes = distinct(hashes)
        chunks = plan_chunks(size, None, radius)
        assert list(find_pairs(hashes, None, chunks, radius, 10**6)) == brute_force(hashes, None, radius)

    @pytest.mark.parametrize("radius", [4, 8, 12])
    def test_thousands_of_hashes_give_the_same_with_and_without_numpy(self, radius):
        rng = Random(5)
        centres = [rng.getrandbits(64) for _ in range(1500)]
        hashes = distinct(
            [flip(bits, [rng.randrange(64) for _ in range(rng.randrange(9))]) for bits in centres * 2]
        )
        expected = brute_force(hashes, None, radius)
        assert len(expected) > 100
        assert list(by(True, join, hashes, radius=radius)) == expected
        assert list(by(False, join, hashes, radius=radius)) == expected

    def test_a_bucket_larger_than_a_slice_is_searched_whole(self):
        hashes = list(range(700))  # one bucket in all chunks except the lowest: 244,650 candidates
        chunks = (Chunk(shift=32, width=16, budget=0),)
        assert list(find_with_numpy(hashes, None, chunks, 64, 10**6)) == brute_force(hashes, None, 64)


class TestGuard:
    @EITHER
    @pytest.mark.parametrize("second", [None, list(range(1, 50))])
    def test_more_pairs_than_allowed_are_refused_with_advice(self, numpy, second):
        hashes = list(range(50))
        with pytest.raises(
            ImageKitInputError, match=r"More than 100 pairs found within 8 bits\..*raise max_pairs"
        ):
            by(numpy, join, hashes, second, radius=8, max_pairs=100)

    @EITHER
    def test_as_many_pairs_as_allowed_pass(self, numpy):
        assert len(by(numpy, join, [0, 1, 2], radius=2, max_pairs=3)) == 3


class TestEngine:
    def test_numpy_is_used_if_installed_unless_it_is_disabled(self):
        assert use_numpy()
        assert not by(False, use_numpy)
        assert use_numpy()

    def test_all_works_without_numpy(self):
        program = """
import sys
sys.modules["numpy"] = None
from airflow_provider_imagekit.similarity.bank import PHashBank
from airflow_provider_imagekit.similarity.near_duplicates import find_near_duplicates
from airflow_provider_imagekit.similarity.records import HashRecord
from airflow_provider_imagekit.similarity.threshold.report import threshold_report
from airflow_provider_imagekit.phash import PHash
records = [HashRecord(str(bits), PHash(bits)) for bits in (1, 3, 2**40)]
print(find_near_duplicates(records).counts()["groups"], PHashBank(records).nearest(PHash(7)).id)
print(threshold_report(records).suggested_radius)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout == "1 3\n8\n"

    @EITHER
    def test_no_hashes_give_no_pairs(self, numpy):
        assert list(by(numpy, join, [], radius=8)) == []
        assert list(by(numpy, join, [], [1], radius=8)) == []
        assert list(by(numpy, join, [1], [], radius=8)) == []


class TestPlan:
    @pytest.mark.parametrize("rows", [1, 10, 1_000, 100_000, 1_000_000])
    @pytest.mark.parametrize("columns", [None, 1, 1_000_000])
    @pytest.mark.parametrize("radius", [0, 4, 8, 12, 16, 24, 40, 64])
    def test_the_budgets_suffice_and_the_chunks_are_disjoint(self, rows, columns, radius):
        chunks = plan_chunks(rows, columns, radius)
        if chunks == (Chunk(0, 0, 0),):
            return  # all with all
        assert sum(chunk.budget + 1 for chunk in chunks) >= radius + 1
        taken = [bit for chunk in chunks for bit in range(chunk.shift, chunk.shift + chunk.width)]
        assert len(set(taken)) == len(taken)
        assert max(taken) < 64

    def test_every_pair_of_few_hashes_or_at_a_wide_radius_is_compared(self):
        assert plan_chunks(20, None, 8) == (Chunk(0, 0, 0),)
        assert plan_chunks(1000, None, 40) == (Chunk(0, 0, 0),)

    @given(HASHES, HASHES, st.integers(0, 12), PLANNED_SIZES)
    def test_two_hashes_within_the_radius_meet_in_some_chunk(self, one, noise, radius, size):
        positions = [position for position in range(64) if noise >> position & 1][:radius]
        assert found_before(one ^ flip(one, positions), plan_chunks(size, None, radius))

    def test_masks_are_all_differences_within_the_budget(self):
        assert sorted(Chunk(0, 3, 2).masks()) == [0, 1, 2, 3, 4, 5, 6]
        assert Chunk(0, 3, 2).masks()[0] == 0


class TestDistinctHashes:
    @EITHER
    @given(hash_lists)
    def test_each_hash_occurs_once_with_all_its_carriers(self, numpy, hashes):
        table = by(numpy, DistinctHashes, hashes)
        assert list(table.hashes) == sorted(set(hashes))
        for number, bits in enumerate(table.hashes):
            carriers = [position for position, value in enumerate(hashes) if value == bits]
            assert list(table.carriers(number)) == carriers
            assert table.count(number) == len(carriers)
        assert len(table) == len(set(hashes))
