from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.client import endpoints
from airflow_provider_imagekit.exceptions import ImageKitInputError

FILE_ID = "598821f949c0a938d57563bd"


class TestRequests:
    def test_a_file_id_is_one_path_segment(self) -> None:
        assert endpoints.file_metadata(FILE_ID).target == f"/v1/files/{FILE_ID}/metadata"
        assert endpoints.file_metadata("ab c?d#e%2F").target == "/v1/files/ab%20c%3Fd%23e%252F/metadata"

    @pytest.mark.parametrize(
        "wrong", ["", "  ", ".", "..", "a\nb", "a\x00", "\x7f", "a/b", "None", None, 7, ["a"], b"a"]
    )
    def test_an_impossible_file_id_is_refused(self, wrong: Any) -> None:
        with pytest.raises(ImageKitInputError, match="file_id"):
            endpoints.file_metadata(wrong)

    @pytest.mark.parametrize(
        ("url", "encoded"),
        [
            (
                "https://ik.imagekit.io/demo/tr:w-100,h-50/a b+c/ü.jpg?tr=w-1&ik-s=a%2Fb",
                "https%3A%2F%2Fik.imagekit.io%2Fdemo%2Ftr%3Aw-100%2Ch-50%2Fa%20b%2Bc%2F%C3%BC.jpg%3Ftr%3Dw-1%26ik-s%3Da%252Fb",
            ),
            (
                "https://ik.imagekit.io/demo/a%20b.jpg?updatedAt=1667510673727",
                "https%3A%2F%2Fik.imagekit.io%2Fdemo%2Fa%2520b.jpg%3FupdatedAt%3D1667510673727",
            ),
        ],
    )
    def test_a_url_is_encoded_exactly_once(self, url: str, encoded: str) -> None:
        assert endpoints.remote_url_metadata(url).target == f"/v1/metadata?url={encoded}"

    @given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=60))
    def test_whatever_a_url_holds_reaches_the_server_unchanged(self, tail: str) -> None:
        url = f"https://ik.imagekit.io/demo/{tail}".strip()
        query = urlsplit(endpoints.remote_url_metadata(url).target).query
        # "+" means a space only in forms; a server that decodes it so must get the same text.
        assert parse_qsl(query, strict_parsing=True) == [("url", url)]
        assert unquote(query.removeprefix("url=")) == url

    @pytest.mark.parametrize(
        "wrong",
        [
            "",
            "ik.imagekit.io/demo/a.jpg",
            "ftp://x/a.jpg",
            "https://",
            "https:///a.jpg",
            "https://[::1/a",
            "//x/a",
            None,
            3,
        ],
    )
    def test_what_is_no_http_url_is_refused(self, wrong: Any) -> None:
        with pytest.raises(ImageKitInputError, match="url is"):
            endpoints.remote_url_metadata(wrong)

    def test_a_listing_leaves_out_what_was_not_asked_for(self) -> None:
        assert endpoints.list_files(limit=1).target == "/v1/files?skip=0&limit=1"
        target = endpoints.list_files(
            search_query='size > "2mb" AND name : "a&b"', path="/a b/", skip=1000
        ).target
        assert target == (
            "/v1/files?searchQuery=size%20%3E%20%222mb%22%20AND%20name%20%3A%20%22a%26b%22"
            "&path=%2Fa%20b%2F&skip=1000&limit=1000"
        )

    def test_the_text_of_a_request_hides_a_signature(self) -> None:
        url = (
            "https://ik.imagekit.io/demo/a.jpg?ik-t=9999999999&ik-s=32dbbbfc5f945c0403c71b54c38e76896ef2d6b0"
        )
        text = str(endpoints.remote_url_metadata(url))
        assert "32dbbbfc" not in text
        assert "ik-s%3D***" in text
        assert endpoints.mask_signature(url).endswith("&ik-s=***")
