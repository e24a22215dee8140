from __future__ import annotations

import io
import tracemalloc
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.similarity.pairs.chunks import plan_chunks, steps_of
from airflow_provider_imagekit.similarity.pairs.neighbours import NeighbourGraph
from airflow_provider_imagekit.similarity.pairs.parts import MergedSearch, search_part, write_hashes
from tests.similarity.samples import by, flip, hash_lists

pytestmark = pytest.mark.slow

EITHER = pytest.mark.parametrize("numpy", [True, False], ids=["numpy", "python"])
CROWDED = [flip(0xF06830CA9F1E3E90, [one, other]) for one in range(20) for other in range(one)]


def hashes_file(new: list[int], old: list[int]) -> io.BytesIO:
    file = io.BytesIO()
    write_hashes(file, new, old)
    return file


def part_file(hashes: io.BytesIO, radius: int, number: int, of: int) -> io.BytesIO:
    hashes.seek(0)
    file = io.BytesIO()
    search_part(hashes, file, radius=radius, max_pairs=10**6, part=(number, of))
    file.seek(0)
    return file


def shape(graph: NeighbourGraph) -> object:
    near = {node: sorted(graph.near(node)) for node in graph.nodes()}
    return list(graph.pairs()), near, graph.distance_counts(), sorted(graph.crowded_positions())


def whole(new: list[int], old: list[int], radius: int) -> object:
    return shape(NeighbourGraph(new, old, radius=radius, max_pairs=10**6))


def in_parts(new: list[int], old: list[int], radius: int, of: int) -> object:
    hashes = hashes_file(new, old)
    search = MergedSearch([part_file(hashes, radius, number, of) for number in reversed(range(of))])
    return shape(NeighbourGraph(new, old, radius=radius, max_pairs=10**6, search=search))


@EITHER
@settings(max_examples=25)
@given(hash_lists, hash_lists, st.integers(0, 12), st.sampled_from([1, 4, 16]))
def test_parts_find_what_one_search_finds(numpy, new, old, radius, of):
    assert by(numpy, in_parts, new, old, radius, of) == by(numpy, whole, new, old, radius)


@EITHER
@pytest.mark.parametrize("of", [1, 4, 16])
def test_crowds_and_thousands_of_hashes_are_the_same_in_parts(numpy, of):
    spread = [0x9E3779B97F4A7C15 * number % 2**64 for number in range(3000)]
    new, old = [*CROWDED, *spread[:2000], *CROWDED[:5]], [*CROWDED[50:120], *spread[1500:]]
    assert len(plan_chunks(len(set(new)), None, 4)) > 1, "only one step, which cannot be divided"
    assert by(numpy, in_parts, new, old, 4, of) == by(numpy, whole, new, old, 4)


@pytest.mark.parametrize("of", [1, 4, 16, 1000])
def test_each_step_is_in_one_part(of):
    chunks = plan_chunks(100_000, None, 8)
    steps = [step for number in range(of) for step in steps_of(chunks, (number, of))]
    assert steps == steps_of(chunks)


def test_a_part_takes_no_more_memory_than_ten_copies_of_its_hashes() -> None:
    count = 300_000
    numbers = np.random.default_rng(1).integers(0, 2**64, count, dtype=np.uint64).tolist()
    hashes = hashes_file(numbers, [])
    part_file(hashes, 4, 0, 1)  # imports are not measured
    tracemalloc.start()
    try:
        part_file(hashes, 4, 0, 1)
        assert tracemalloc.get_traced_memory()[1] < 10 * 8 * count
    finally:
        tracemalloc.stop()


class TestRefusing:
    def test_a_missing_or_repeated_part_is_named(self):
        hashes = hashes_file([1, 2, 4], [])
        for numbers in ([], [0], [0, 0], [1]):
            with pytest.raises(ImageKitInputError, match="The parts are"):
                MergedSearch([part_file(hashes, 2, number, 2) for number in numbers])

    @pytest.mark.parametrize(
        ("new", "old", "radius"), [([1, 2, 8], [], 2), ([1, 2, 4], [7], 2), ([1, 2, 4], [], 3)]
    )
    def test_parts_of_other_pictures_or_another_radius_are_refused(self, new, old, radius):
        search = MergedSearch([part_file(hashes_file([1, 2, 4], []), 2, 0, 1)])
        with pytest.raises(ImageKitInputError, match="other pictures or another radius"):
            NeighbourGraph(new, old, radius=radius, max_pairs=9, search=search)

    def test_a_file_that_is_cut_off_is_refused(self):
        file = part_file(hashes_file([1, 2, 4], []), 2, 0, 1)
        for content in (b"", b"{}\n", b"[1]\n", file.getvalue()[:-1]):
            with pytest.raises(ImageKitInputError, match="not a file of a search in parts"):
                MergedSearch([io.BytesIO(content)])

    def test_more_pairs_than_allowed_in_all_parts_are_refused(self):
        hashes = hashes_file(list(range(40)), [])
        search = partial(MergedSearch([part_file(hashes, 3, 0, 1)]))
        with pytest.raises(ImageKitInputError, match="More than 50 pairs"):
            NeighbourGraph(list(range(40)), [], radius=3, max_pairs=50, search=search)
