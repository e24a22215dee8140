from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.gates.bank_files import BankCache
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.bank import Match, PHashBank, judge_against
from airflow_provider_imagekit.similarity.distance import DistanceBounds
from airflow_provider_imagekit.similarity.records import HashRecord
from airflow_provider_imagekit.similarity.verdict import Decision
from tests.similarity.samples import HASHES, by, flip, hash_lists, radii
from tests.support import one_of_three

pytestmark = pytest.mark.slow

EITHER = pytest.mark.parametrize("numpy", [True, False], ids=["numpy", "python"])
BANNED = "f06830ca9f1e3e90"
NEAR = PHash.parse("f06830ca9f1e3e97")
FAR = PHash.parse("2222222222222222")
UP_TO_8 = DistanceBounds(max_distance=8)
LARGE = 20_000


def bank_of(hashes: list[int], **options) -> PHashBank:
    """Return a bank whose names are the positions; zero hashes are left out."""
    return PHashBank((HashRecord(str(i), PHash(bits)) for i, bits in enumerate(hashes)), **options)


def expected_matches(hashes: list[int], bits: int, radius: int) -> list[tuple[int, str]]:
    distances = [((other ^ bits).bit_count(), i) for i, other in enumerate(hashes) if other]
    return [(distance, str(i)) for distance, i in sorted(distances) if distance <= radius]


def found(matches: list[Match]) -> list[tuple[int, str]]:
    return [(match.distance, match.id) for match in matches]


@pytest.fixture(scope="module")
def large() -> list[int]:
    """Return enough hashes for the index, with near and equal ones, in few buckets of the highest chunk."""
    rng = Random(7)
    centres = [rng.getrandbits(50) for _ in range(LARGE // 2)]
    return centres + [flip(bits, [rng.randrange(64) for _ in range(rng.randrange(9))]) for bits in centres]


@contextlib.contextmanager
def ticking() -> Iterator[list[float]]:
    """Sleep a millisecond repeatedly in another thread, and record how long each sleep took."""
    pauses, done = [0.0], threading.Event()

    def tick() -> None:
        while not done.is_set():
            start = time.monotonic()
            time.sleep(0.001)
            pauses.append(time.monotonic() - start)

    clock = threading.Thread(target=tick)
    clock.start()
    try:
        yield pauses
    finally:
        done.set()
        clock.join()


class TestExactness:
    @EITHER
    @given(hash_lists, HASHES, radii)
    def test_within_and_nearest_equal_brute_force(self, numpy, hashes, bits, radius):
        bank = by(numpy, bank_of, hashes)
        expected = expected_matches(hashes, bits, radius)
        matches, count = bank.within(PHash(bits), radius)
        assert found(matches) == expected
        assert count == len(expected)
        nearest = bank.nearest(PHash(bits))
        assert (found([nearest]) if nearest else []) == expected_matches(hashes, bits, 64)[:1]

    @EITHER
    @pytest.mark.parametrize("radius", [0, 3, 8, 12, 24])
    def test_a_large_bank_equals_brute_force(self, numpy, large, radius):
        bank = by(numpy, bank_of, large)
        rng = Random(radius)
        for bits in [*rng.sample(large, 10), *(rng.getrandbits(64) for _ in range(5)), 0, 2**64 - 1]:
            expected = expected_matches(large, bits, radius)
            assert found(bank.within(PHash(bits), radius)[0]) == expected
            assert found([bank.nearest(PHash(bits))]) == expected_matches(large, bits, 64)[:1]

    @EITHER
    def test_a_limit_keeps_the_nearest_and_counts_all(self, numpy, large):
        bank = by(numpy, bank_of, large)
        every, count = bank.within(PHash(large[0]), 30)
        some, count_of_all = bank.within(PHash(large[0]), 30, limit=3)
        assert some == every[:3]
        assert count_of_all == count == len(every) > 3

    @EITHER
    @given(hash_lists, HASHES, radii, st.integers(0, 12))
    def test_with_any_limit_the_matches_are_the_first_of_all(self, numpy, hashes, bits, radius, limit):
        bank = by(numpy, bank_of, hashes)
        expected = expected_matches(hashes, bits, radius)
        matches, count = bank.within(PHash(bits), radius, limit=limit)
        assert (found(matches), count) == (expected[:limit], len(expected))

    @EITHER
    def test_a_few_of_very_many_matches_cost_other_threads_no_pause(self, numpy):
        bank = by(numpy, bank_of, [bits << 20 | 7 for bits in range(1, 300_000)])

        def longest_pause() -> float:
            with ticking() as pauses:
                matches, count = bank.within(PHash(7), 64, limit=5)
            assert (len(matches), count) == (5, 299_999)
            return max(pauses)

        assert one_of_three(lambda: longest_pause() < 0.2)


class TestBank:
    def test_pictures_without_a_useful_hash_are_left_out_and_counted(self):
        records = [
            HashRecord("video", None),
            HashRecord("black", PHash(0)),
            HashRecord("white", PHash.parse("ccc9e67048f23f1d")),
            HashRecord("cat", PHash.parse(BANNED)),
        ]
        bank = PHashBank(records, low_information={PHash.parse("ccc9e67048f23f1d")})
        assert (len(bank), bank.skipped) == (1, 3)

    def test_hashes_without_names_are_their_own_names(self):
        assert PHashBank.of([BANNED.upper()]).nearest(NEAR) == Match(BANNED, PHash.parse(BANNED), 3)

    @EITHER
    def test_an_empty_bank_has_no_nearest(self, numpy):
        bank = by(numpy, PHashBank, [])
        assert bank.nearest(NEAR) is None
        assert bank.within(NEAR, 64) == ([], 0)


class TestJudgeAgainst:
    def test_the_nearest_decides_and_all_within_are_listed(self):
        bank = PHashBank.of([str(FAR), "f06830ca9f1e3e9f", BANNED])
        verdict = judge_against(NEAR, bank, UP_TO_8)
        assert (verdict.decision, verdict.matched) == (Decision.SIMILAR, True)
        assert verdict.best.distance == 1
        assert [match.distance for match in verdict.matches] == [1, 3]
        reason = "The nearest of 3, f06830ca9f1e3e9f, is 1 of 64 bits away, within the bounds (at most 8)."
        assert verdict.reason == reason

    def test_with_min_distance_alone_a_picture_that_is_not_in_the_bank_matches(self):
        bounds = DistanceBounds(min_distance=9)
        assert judge_against(FAR, PHashBank.of([BANNED]), bounds).matched
        verdict = judge_against(NEAR, PHashBank.of([BANNED]), bounds)
        assert (verdict.decision, verdict.matched, verdict.match_count) == (Decision.SIMILAR, False, 1)

    @pytest.mark.parametrize("phash", [None, PHash(0), FAR])
    def test_a_picture_without_a_useful_hash_is_undecidable(self, phash):
        verdict = judge_against(phash, PHashBank.of([str(FAR)]), UP_TO_8, low_information={FAR})
        assert (verdict.decision, verdict.matched, verdict.best) == (Decision.UNDECIDABLE, False, None)

    def test_nothing_is_similar_to_an_empty_bank(self):
        verdict = judge_against(NEAR, PHashBank([]), UP_TO_8)
        assert (verdict.decision, verdict.matched) == (Decision.DIFFERENT, False)
        assert judge_against(NEAR, PHashBank([]), DistanceBounds(min_distance=9)).matched
        assert not judge_against(NEAR, PHashBank([]), DistanceBounds(64, 9)).matched

    def test_no_more_matches_than_requested_are_listed(self):
        verdict = judge_against(NEAR, PHashBank.of([BANNED] * 5), UP_TO_8, max_matches=2)
        assert (len(verdict.matches), verdict.match_count) == (2, 5)

    def test_its_xcom_has_a_verdicts_keys_and_the_matches_in_plain_json(self):
        xcom = judge_against(NEAR, PHashBank.of([BANNED]), UP_TO_8).as_xcom()
        assert json.loads(json.dumps(xcom)) == {
            "matched": True,
            "distance": 3,
            "similarity": 0.953125,
            "phash": str(NEAR),
            "reference_phash": BANNED,
            "reference_id": BANNED,
            "matches": [{"id": BANNED, "phash": BANNED, "distance": 3}],
            "match_count": 1,
        }

    def test_an_undecidable_xcom_keeps_the_keys(self):
        xcom = judge_against(PHash(0), PHashBank.of([BANNED]), UP_TO_8).as_xcom()
        assert xcom["matched"] is False
        assert xcom["distance"] is xcom["similarity"] is xcom["reference_id"] is None
        assert xcom["phash"] == "0000000000000000"


class TestCache:
    def test_a_bank_is_read_once_for_an_identity(self):
        cache, loads = BankCache(), []

        def load() -> PHashBank:
            loads.append(1)
            return PHashBank.of([BANNED])

        assert cache.get("a", load) is cache.get("a", load)
        cache.get("b", load)
        assert len(loads) == 2

    def test_the_least_recently_used_bank_is_dropped_first(self):
        cache = BankCache(max_banks=2)
        first = cache.get("a", lambda: PHashBank.of([BANNED]))
        second = cache.get("b", lambda: PHashBank.of([BANNED]))
        assert cache.get("a", lambda: PHashBank([])) is first
        cache.get("c", lambda: PHashBank([]))
        assert cache.get("a", lambda: PHashBank([])) is first
        assert cache.get("b", lambda: PHashBank([])) is not second

    def test_a_load_that_fails_is_tried_again(self):
        def fail() -> PHashBank:
            raise OSError("gone")

        cache = BankCache()
        with pytest.raises(OSError, match="gone"):
            cache.get("a", fail)
        assert len(cache.get("a", lambda: PHashBank.of([BANNED]))) == 1
