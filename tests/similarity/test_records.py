from __future__ import annotations

import pytest

from airflow_provider_imagekit.exceptions import ImageKitInputError, InvalidPHashError
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.records import read_id_pairs, read_records


class TestRecords:
    def test_name_hash_and_attributes_are_separated(self):
        rows = [{"fileId": 7, "pHash": "F06830CA9F1E3E90", "width": "100", "filePath": "/a.jpg"}]
        [record] = read_records(rows)
        assert (record.id, record.phash) == ("7", PHash.parse("f06830ca9f1e3e90"))
        assert record.attributes == {"width": "100", "filePath": "/a.jpg"}
        assert record.get("path") == "/a.jpg"

    @pytest.mark.parametrize("blank", [None, ""])
    def test_a_blank_hash_is_no_hash(self, blank):
        [record] = read_records([{"fileId": "a", "pHash": blank}])
        assert record.phash is None

    def test_a_later_row_may_lack_the_hash_as_videos_do(self):
        rows = [{"fileId": "a", "pHash": "1"}, {"fileId": "b", "duration": 3}]
        assert [record.phash for record in read_records(rows)] == [PHash(1), None]

    def test_columns_can_be_named(self):
        [record] = read_records([{"sku": "a", "hash": "1"}], id_column="sku", phash_column="hash")
        assert (record.id, record.phash) == ("a", PHash(1))

    def test_a_missing_column_is_refused_with_a_list_of_the_columns(self):
        with pytest.raises(ImageKitInputError, match=r"Row 1 has no 'fileId'.*the columns are: sku, pHash"):
            list(read_records([{"sku": "a", "pHash": "1"}]))
        with pytest.raises(ImageKitInputError, match=r"no column 'pHash'.*the columns are: fileId, hash"):
            list(read_records([{"fileId": "a", "hash": "1"}]))

    def test_a_malformed_hash_is_refused_with_its_row(self):
        with pytest.raises(InvalidPHashError, match="Row 2: Invalid pHash value 'xyz'"):
            list(read_records([{"fileId": "a", "pHash": "1"}, {"fileId": "b", "pHash": "xyz"}]))

    @pytest.mark.parametrize(
        ("attributes", "pixels"),
        [
            ({"width": 30, "height": 20}, 600),
            ({"width": "30.0", "height": "20"}, 600),
            ({"width": 30}, 0),
            ({"width": "wide", "height": 20}, 0),
            ({}, 0),
        ],
    )
    def test_pixels_are_read_in_any_form(self, attributes, pixels):
        [record] = read_records([{"fileId": "a", "pHash": "1", **attributes}])
        assert record.pixels == pixels


class TestIdPairs:
    def test_pairs_are_read_in_either_order(self):
        pairs = read_id_pairs([{"id": "a", "other_id": "b"}, {"id": "b", "other_id": "a"}])
        assert pairs == {frozenset("ab")}

    def test_a_missing_name_is_refused(self):
        with pytest.raises(ImageKitInputError, match="no 'other_id'"):
            read_id_pairs([{"id": "a"}])
