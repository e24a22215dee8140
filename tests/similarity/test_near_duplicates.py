from __future__ import annotations

from itertools import combinations, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.groups import Origin
from airflow_provider_imagekit.similarity.near_duplicates import (
    GROUP_COLUMNS,
    PAIR_COLUMNS,
    NearDuplicates,
    find_near_duplicates,
)
from airflow_provider_imagekit.similarity.pairs.pairs import CROWD
from airflow_provider_imagekit.similarity.records import HashRecord
from airflow_provider_imagekit.similarity.survivors import SurvivorPolicy
from tests.similarity.samples import by, flip, hash_lists

pytestmark = pytest.mark.slow

BASE = 0xF06830CA9F1E3E90
EITHER = pytest.mark.parametrize("numpy", [True, False], ids=["numpy", "python"])
small_radii = st.integers(0, 16)


def picture(name: str, bits: int | None = BASE, pixels: int = 1) -> HashRecord:
    return HashRecord(name, None if bits is None else PHash(bits), {"width": pixels, "height": 1})


def pictures(prefix: str, hashes: list[int]) -> list[HashRecord]:
    return [picture(f"{prefix}{i:03}", bits, pixels=i % 5) for i, bits in enumerate(hashes)]


def near(bits: int, count: int) -> int:
    """Return a hash at this distance in bits."""
    return flip(bits, list(range(count)))


def shape(found: NearDuplicates) -> list[tuple[str, list[tuple[str, int]]]]:
    return [
        (group.keeper.record.id, [(member.record.id, member.distance) for member in group.members])
        for group in found.groups
    ]


def pair_names(found: NearDuplicates) -> list[tuple[str, str]]:
    return sorted(tuple(sorted((row["id"], row["other_id"]))) for row in found.pair_rows())


def near_by_brute_force(
    new: list[HashRecord], known: list[HashRecord], radius: int
) -> dict[str, dict[str, int]]:
    """Return the near pictures of each picture with their distances; two known ones are never near."""
    return {
        one.id: {
            other.id: one.phash - other.phash
            for other in (new if one in known else [*new, *known])
            if other is not one and one.phash - other.phash <= radius
        }
        for one in [*new, *known]
    }


def grouped_by_brute_force(
    new: list[HashRecord], known: list[HashRecord], radius: int
) -> list[tuple[str, list[tuple[str, int]]]]:
    near = near_by_brute_force(new, known, radius)
    groups, taken = [], set()
    for keeper in sorted([*new, *known], key=SurvivorPolicy().rank):
        if keeper.id not in taken:
            members = {other: distance for other, distance in near[keeper.id].items() if other not in taken}
            taken |= {keeper.id, *members}
            if members:
                groups.append((keeper.id, sorted(members.items(), key=lambda member: (member[1], member[0]))))
    return sorted(groups, key=lambda group: (-len(group[1]), group[0]))


class TestAgainstBruteForce:
    @EITHER
    @given(hash_lists, hash_lists, small_radii)
    def test_pairs_are_all_that_have_a_new_picture_and_no_other(self, numpy, new, old, radius):
        records, known = pictures("n", new), pictures("k", old)
        found = by(numpy, find_near_duplicates, records, radius=radius, known=known)
        expected = sorted(
            tuple(sorted((one.id, other.id)))
            for i, one in enumerate(records)
            for other in [*records[i + 1 :], *known]
            if one.phash.bits and other.phash.bits and one.phash - other.phash <= radius
        )
        assert pair_names(found) == expected

    @given(hash_lists, hash_lists, hash_lists, small_radii)
    def test_groups_are_disjoint_and_within_the_radius_of_their_keepers(self, new, known, reference, radius):
        tables = pictures("n", new), pictures("k", known), pictures("r", reference)
        policy = SurvivorPolicy()
        found = by(
            False,
            find_near_duplicates,
            tables[0],
            radius=radius,
            known=tables[1],
            reference=tables[2],
            policy=policy,
        )
        seen = [member.record.id for group in found.groups for member in (group.keeper, *group.members)]
        assert len(set(seen)) == len(seen)
        for group in found.groups:
            assert group.members
            for member in group.members:
                assert member.distance == group.keeper.record.phash - member.record.phash <= radius
                assert member.origin is not Origin.REFERENCE
                assert Origin.NEW in (member.origin, group.keeper.origin)
                if group.keeper.origin is not Origin.REFERENCE:
                    assert policy.rank(group.keeper.record) < policy.rank(member.record)
        # A picture with near-duplicates is in a group, unless all of these are in other groups.
        for one, other in pair_names(found):
            assert one in seen or other in seen

    @given(hash_lists, hash_lists, small_radii)
    def test_numpy_makes_no_difference(self, new, known, radius):
        records, old = pictures("n", new), pictures("k", known)
        with_numpy, without = (
            by(numpy, find_near_duplicates, records, radius=radius, known=old) for numpy in (True, False)
        )
        assert with_numpy.groups == without.groups
        assert list(with_numpy.pair_rows()) == list(without.pair_rows())

    @given(hash_lists, st.randoms(use_true_random=False))
    def test_the_order_of_the_table_makes_no_difference(self, hashes, random):
        records = pictures("n", hashes)
        expected = shape(by(False, find_near_duplicates, records))
        random.shuffle(records)
        assert shape(by(False, find_near_duplicates, records)) == expected


class TestGroups:
    def test_the_keeper_is_the_survivor_and_its_members_are_sorted_by_distance(self):
        records = [
            picture("far", near(BASE, 5)),
            picture("near", near(BASE, 1)),
            picture("best", BASE, pixels=9),
            picture("other", ~BASE & (2**64 - 1)),
        ]
        found = find_near_duplicates(records)
        assert shape(found) == [("best", [("near", 1), ("far", 5)])]
        assert found.groups[0].reason == "most pixels"

    def test_a_chain_of_small_steps_does_not_join_different_pictures(self):
        chain = [picture(f"{step:02}", near(BASE, 4 * step), pixels=100 - step) for step in range(10)]
        found = find_near_duplicates(chain, radius=8)
        assert shape(found) == [
            ("00", [("01", 4), ("02", 8)]),
            ("03", [("04", 4), ("05", 8)]),
            ("06", [("07", 4), ("08", 8)]),
        ]

    @EITHER
    def test_equal_hashes_are_one_group_however_many(self, numpy):
        records = [picture(f"{i:05}") for i in range(20_000)]
        found = by(numpy, find_near_duplicates, records, radius=8, max_pairs=20_000)
        assert [(group.keeper.record.id, len(group.members)) for group in found.groups] == [("00000", 19_999)]
        assert pair_names(found) == [("00000", f"{i:05}") for i in range(1, 20_000)]

    @EITHER
    def test_thousands_of_distinct_hashes_near_each_other_are_grouped_and_listed_with_keepers(self, numpy):
        records = [
            picture(f"{number:04}", flip(BASE, list(bits)))
            for number, bits in enumerate(islice(combinations(range(64), 4), 1, 401))
        ]
        found = by(numpy, find_near_duplicates, records, radius=8, max_pairs=45_000)
        [group] = found.groups
        assert (group.keeper.record.id, len(group.members)) == ("0000", 399)
        assert all(
            member.distance == group.keeper.record.phash - member.record.phash for member in group.members
        )
        assert pair_names(found) == [("0000", f"{number:04}") for number in range(1, 400)]

    @EITHER
    @settings(max_examples=15)
    @given(
        st.lists(st.sets(st.sampled_from(range(0, 64, 9)), max_size=5), min_size=102, max_size=140),
        small_radii,
    )
    def test_crowds_are_grouped_as_if_every_pair_were_kept(self, numpy, flips, radius):
        hashes = [flip(BASE, sorted(bits)) for bits in flips]
        records, known = pictures("n", hashes[:110]), pictures("k", hashes[110:])
        found = by(numpy, find_near_duplicates, records, known=known, radius=radius)
        assert shape(found) == grouped_by_brute_force(records, known, radius)
        listed, near = pair_names(found), near_by_brute_force(records, known, radius)
        assert len(set(listed)) == len(listed)
        assert set(listed) <= {tuple(sorted((one, other))) for one in near for other in near[one]}
        for one, others in near.items():
            if len(others) <= CROWD:
                assert {tuple(sorted((one, other))) for other in others} <= set(listed)

    def test_more_listed_pairs_than_allowed_are_refused_with_the_most_frequent_hash(self):
        found = find_near_duplicates([picture(f"{i:02}") for i in range(50)], max_pairs=1224)
        with pytest.raises(ImageKitInputError, match=r"1,225 pairs .* allows 1,224.* f06830ca9f1e3e90.* 50 "):
            list(found.pair_rows())

    def test_an_empty_table_has_no_duplicates(self):
        assert find_near_duplicates([]).groups == []
        assert list(find_near_duplicates([picture("a")]).pair_rows()) == []


class TestNotDuplicates:
    def test_a_marked_pair_is_neither_paired_nor_grouped(self):
        records = [picture("a"), picture("b"), picture("c", near(BASE, 2))]
        marked = {frozenset("ab")}
        found = find_near_duplicates(records, not_duplicates=marked)
        assert shape(found) == [("a", [("c", 2)])]
        assert pair_names(found) == [("a", "c"), ("b", "c")]

    def test_each_picture_of_a_marked_pair_still_finds_its_other_duplicates(self):
        records = [
            picture("a"),
            picture("b"),
            picture("c", near(BASE, 8)),
            picture("d", flip(BASE, [60, 61])),
        ]
        marked = {frozenset("ab"), frozenset("ac"), frozenset("bd")}
        assert shape(find_near_duplicates(records, not_duplicates=marked)) == [
            ("a", [("d", 2)]),
            ("b", [("c", 8)]),
        ]


class TestOrigins:
    def test_references_are_kept_and_never_members(self):
        reference = [picture("r1", near(BASE, 1), pixels=0), picture("r2", near(BASE, 2), pixels=0)]
        found = find_near_duplicates([picture("new", pixels=99)], reference=reference)
        assert shape(found) == [("r1", [("new", 1)])]
        assert found.groups[0].reason == "reference"
        assert pair_names(found) == [("new", "r1"), ("new", "r2")]

    def test_known_pictures_are_not_compared_again(self):
        known = [picture("k1"), picture("k2", near(BASE, 1))]
        assert find_near_duplicates([], known=known).groups == []
        found = find_near_duplicates([picture("new", near(BASE, 3))], known=known)
        assert pair_names(found) == [("k1", "new"), ("k2", "new")]
        assert found.compared == 1

    def test_a_known_picture_may_survive_or_not(self):
        known = [picture("k", pixels=5)]
        assert shape(find_near_duplicates([picture("new")], known=known)) == [("k", [("new", 0)])]
        assert shape(find_near_duplicates([picture("new", pixels=9)], known=known)) == [("new", [("k", 0)])]

    def test_a_picture_is_no_duplicate_of_itself_in_another_table(self):
        found = find_near_duplicates(
            [picture("a"), picture("b")], known=[picture("a"), picture("b")], reference=[picture("a")]
        )
        assert shape(found) == [("a", [("b", 0)])]
        assert found.groups[0].keeper.origin is Origin.REFERENCE

    def test_a_name_that_occurs_twice_is_refused(self):
        with pytest.raises(ImageKitInputError, match="The new picture 'a' occurs twice in its table"):
            find_near_duplicates([picture("a"), picture("a", 5)])


class TestSetApart:
    @pytest.mark.parametrize("table", ["records", "known", "reference"])
    def test_flat_and_missing_hashes_are_never_duplicates(self, table):
        flat_white = PHash.parse("ccc9e67048f23f1d")
        odd = [
            picture("black", 0),
            picture("transparent", 0),
            picture("white", flat_white.bits),
            picture("paper", flat_white.bits),
            picture("video", None),
            picture("drawing", None),
        ]
        tables = {"records": [], table: odd}
        found = find_near_duplicates(tables.pop("records"), **tables, low_information={flat_white})
        assert found.groups == []
        assert list(found.pair_rows()) == []
        assert [record.id for record in found.low_information] == ["black", "transparent", "white", "paper"]
        assert [record.id for record in found.without_phash] == ["video", "drawing"]


class TestGuards:
    def test_a_radius_of_unrelated_pictures_must_be_forced(self):
        with pytest.raises(ImageKitInputError, match="unrelated"):
            find_near_duplicates([], radius=17)
        assert find_near_duplicates([], radius=17, force=True).radius == 17

    @pytest.mark.parametrize(("radius", "bits"), [("strict", 4), ("6", 6), (8.0, 8)])
    def test_the_radius_is_read_in_any_form(self, radius, bits):
        assert find_near_duplicates([], radius=radius).radius == bits

    @EITHER
    def test_more_pairs_of_distinct_hashes_than_allowed_are_refused(self, numpy):
        with pytest.raises(ImageKitInputError, match="More than 50 pairs"):
            by(numpy, find_near_duplicates, pictures("n", list(range(1, 40))), max_pairs=50)


class TestRows:
    def found(self) -> NearDuplicates:
        best = HashRecord(
            "best", PHash(BASE), {"width": 9, "height": 9, "filePath": "/a.jpg", "url": "https://x/a"}
        )
        return find_near_duplicates([picture("copy", near(BASE, 16))], known=[best], radius=16)

    def test_a_group_has_a_row_for_each_picture_keeper_first(self):
        keeper, member = self.found().group_rows()
        assert keeper == {
            "group": 1,
            "keeper_id": "best",
            "id": "best",
            "keep": True,
            "reason": "most pixels",
            "distance": 0,
            "similarity": 1.0,
            "phash": "f06830ca9f1e3e90",
            "origin": "known",
            "path": "/a.jpg",
            "url": "https://x/a",
        }
        assert (member["id"], member["keep"], member["distance"], member["similarity"]) == (
            "copy",
            False,
            16,
            0.75,
        )
        assert list(keeper) == list(member) == list(GROUP_COLUMNS)

    def test_a_pair_has_a_row_with_both_names(self):
        [row] = self.found().pair_rows()
        assert list(row) == list(PAIR_COLUMNS)
        assert (row["id"], row["other_id"], row["distance"]) == ("copy", "best", 16)
        assert (row["other_phash"], row["other_origin"]) == ("f06830ca9f1e3e90", "known")

    def test_the_counts_fit_into_an_xcom(self):
        assert self.found().counts() == {
            "radius": 16,
            "compared": 1,
            "groups": 1,
            "duplicates": 1,
            "low_information": 0,
            "without_phash": 0,
        }
