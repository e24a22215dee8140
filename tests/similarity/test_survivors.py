from __future__ import annotations

from datetime import UTC, datetime
from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.records import HashRecord
from airflow_provider_imagekit.similarity.survivors import RULES, SurvivorPolicy

SMALL = {"width": 100, "height": 100, "size": 12000, "createdAt": "2024-01-01T00:00:00.000Z"}
LARGE = {"width": 200, "height": 100, "size": 8000, "createdAt": "2024-06-01T00:00:00.000Z"}


def picture(name: str, **attributes) -> HashRecord:
    return HashRecord(name, PHash(1), attributes)


def best(policy: SurvivorPolicy, *records: HashRecord) -> str:
    return min(records, key=policy.rank).id


class TestRules:
    @pytest.mark.parametrize(
        ("rule", "survivor"),
        [("most_pixels", "large"), ("largest", "small"), ("oldest", "small"), ("newest", "large")],
    )
    def test_each_rule_picks_its_own(self, rule, survivor):
        policy = SurvivorPolicy(rules=(rule,))
        small, large = picture("small", **SMALL), picture("large", **LARGE)
        assert best(policy, small, large) == best(policy, large, small) == survivor
        keeper, other = (small, large) if survivor == "small" else (large, small)
        assert policy.reason(keeper, [other]) == RULES[rule]

    def test_the_preferences_come_first_by_default(self):
        small, large = (
            picture("s", **SMALL, filePath="/approved/x/a.jpg"),
            picture("l", **LARGE, filePath="/b.jpg"),
        )
        assert best(SurvivorPolicy(), small, large) == "l"
        policy = SurvivorPolicy(folders=("/approved",))
        assert best(policy, small, large) == "s"
        assert policy.reason(small, [large]) == "in a preferred folder"

    @pytest.mark.parametrize("folder", ["/approved", "approved", "/approved/"])
    def test_a_folder_covers_its_subfolders_and_no_longer_names(self, folder):
        inside, outside = picture("z", path="/approved/x/a.jpg"), picture("a", path="/approved-not/a.jpg")
        assert best(SurvivorPolicy(folders=(folder,)), inside, outside) == "z"

    def test_the_first_folder_is_the_most_preferred(self):
        first, second = picture("z", path="/masters/a.jpg"), picture("a", path="/shop/a.jpg")
        assert best(SurvivorPolicy(folders=("/masters", "/shop")), first, second) == "z"

    @pytest.mark.parametrize("attributes", [{"format": "jpg"}, {"format": "JPEG"}, {"path": "/a.JPG"}])
    def test_a_format_is_known_by_its_name_or_the_ending(self, attributes):
        policy = SurvivorPolicy(formats=("jpeg", "png"))
        assert best(policy, picture("a", format="png"), picture("z", **attributes)) == "z"

    @pytest.mark.parametrize(
        ("preferred", "has"),
        [
            ("tif", {"format": "tiff"}),
            ("tiff", {"path": "/a.tif"}),
            (".TIFF ", {"format": "TIF"}),
            ("heif", {"format": "heic"}),
            ("heic", {"path": "/a.HEIF"}),
            ("jpg", {"path": "/a.jfif"}),
            ("image/jpeg", {"path": "/a.jpg"}),
            ("jpg", {"format": "image/jpeg"}),
            ("svg", {"format": "image/svg+xml"}),
        ],
    )
    def test_names_of_the_same_format_are_one_format(self, preferred, has):
        policy = SurvivorPolicy(formats=(preferred, "png"))
        assert best(policy, picture("a", format="png"), picture("z", **has)) == "z"

    @pytest.mark.parametrize("of_folder", ["NFC", "NFD"])
    @pytest.mark.parametrize("of_path", ["NFC", "NFD"])
    def test_a_folder_is_the_same_however_its_accents_are_written(self, of_folder, of_path):
        folder, path = normalize(of_folder, "/Gemälde"), normalize(of_path, "/Gemälde/é.jpg")
        policy = SurvivorPolicy(folders=(folder,))
        assert best(policy, picture("a", path="/b.jpg"), picture("z", path=path)) == "z"

    def test_preferences_that_no_picture_matches_are_named(self):
        policy = SurvivorPolicy(
            folders=("/masters", "/Masters", "/masters/old"), formats=("tif", "tiff", "tga")
        )
        records = [picture("a", path="/masters/old/a.tiff"), picture("b", path="/shop/b.jpg")]
        assert policy.unmatched(records) == ["/Masters", "tga"]
        assert policy.unmatched([]) == ["/masters", "/Masters", "/masters/old", "tif", "tiff", "tga"]

    @pytest.mark.parametrize("name", ["folder", "format"])
    def test_preferences_that_no_rule_uses_are_refused(self, name):
        with pytest.raises(ImageKitInputError, match=f"preferred_{name}s is given, but .* largest.*Add"):
            SurvivorPolicy(rules=("largest",), **{f"{name}s": ("/x",)})

    @pytest.mark.parametrize("name", ["*.jpg", "image/*", "video/mp4", "jpg png", " ", "/jpg"])
    def test_a_format_that_no_picture_can_have_is_refused(self, name):
        with pytest.raises(ImageKitInputError, match=r"preferred_formats names .* such as jpg, png, webp"):
            SurvivorPolicy(formats=("jpg", name))

    @pytest.mark.parametrize("created", [None, "", "soon", "2024:01:01 00:00:00", 5])
    @pytest.mark.parametrize("rule", ["oldest", "newest"])
    def test_an_unknown_age_never_wins(self, rule, created):
        unknown, dated = picture("a", createdAt=created), picture("z", createdAt="2024-01-01T00:00:00Z")
        assert best(SurvivorPolicy(rules=(rule,)), unknown, dated) == "z"

    def test_times_compare_across_zones_and_types(self):
        policy = SurvivorPolicy(rules=("oldest",))
        earlier = picture("z", created_at=datetime(2024, 1, 1, 11, 30, tzinfo=UTC))
        assert best(policy, earlier, picture("a", createdAt="2024-01-01T13:00:00+01:00")) == "z"
        assert best(policy, earlier, picture("a", createdAt="2024-01-01T12:00:00")) == "z"

    def test_ties_are_broken_by_the_next_rule_and_then_by_the_name(self):
        policy = SurvivorPolicy(rules=("most_pixels", "oldest"))
        old, new = picture("z", width=1, height=1, createdAt="2023-01-01"), picture("a", width=1, height=1)
        assert best(policy, old, new) == "z"
        assert policy.reason(old, [new]) == "oldest"
        twins = picture("a"), picture("b")
        assert best(policy, *twins) == "a"
        assert policy.reason(twins[0], twins[1:]) == ""

    def test_the_reason_is_the_rule_that_beats_the_last_rival(self):
        policy = SurvivorPolicy(rules=("most_pixels", "largest"))
        keeper = picture("k", width=2, height=1, size=9)
        assert (
            policy.reason(keeper, [picture("a", width=1, height=1), picture("b", width=2, height=1)])
            == "largest file"
        )

    @pytest.mark.parametrize(
        ("keeper", "other", "reason"),
        [
            ({"width": 2}, {"width": 1, "day": 1}, "uncertain: most pixels, but another is older"),
            ({"width": 2, "day": 1}, {"width": 1, "size": 999}, "most pixels"),
            ({"day": 1}, {"size": 124}, "oldest"),
            ({"day": 1}, {"size": 126}, "uncertain: oldest, but another is a much larger file"),
            ({"size": 126}, {}, "largest file"),
            ({"size": 105}, {}, "uncertain: largest file, but another is hardly smaller"),
            ({"path": "/m/a.jpg"}, {"day": 1, "width": 9}, "in a preferred folder"),
            ({"width": 2, "day": None}, {"width": 1}, "most pixels"),
        ],
        ids=str,
    )
    def test_a_later_rule_that_prefers_another_makes_it_uncertain(self, keeper, other, reason):
        def made(
            name: str, *, width: int = 1, size: int = 100, day: int | None = 2, path: str = ""
        ) -> HashRecord:
            created = day and f"2024-01-0{day}"
            return picture(name, width=width, height=1, size=size, createdAt=created, path=path)

        policy = SurvivorPolicy(folders=("/m",))
        one, two = made("z", **keeper), made("a", **other)
        assert best(policy, one, two) == "z"
        assert policy.reason(one, [two]) == reason

    def test_an_unknown_rule_is_refused_with_the_known_ones(self):
        with pytest.raises(ImageKitInputError, match=r"survivor_rules names 'biggest'.*most_pixels, largest"):
            SurvivorPolicy(rules=("biggest",))

    @example({"width": 1e300, "height": 1e300, "size": 10**400, "createdAt": "0001-01-01"})
    @given(
        st.dictionaries(
            st.sampled_from(["width", "height", "size", "createdAt", "filePath", "format"]),
            st.one_of(st.none(), st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)),
        )
    )
    def test_any_attributes_can_be_ranked(self, attributes):
        policy = SurvivorPolicy(rules=tuple(RULES), folders=("/a",), formats=("jpg",))
        assert policy.rank(picture("a", **attributes)) < policy.rank(HashRecord("b", None, attributes))
