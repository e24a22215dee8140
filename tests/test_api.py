from __future__ import annotations

import contextlib
import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from airflow_provider_imagekit import api
from airflow_provider_imagekit.exceptions import (
    ImageKitAuthError,
    ImageKitBadRequestError,
    ImageKitInputError,
    ImageKitNotFoundError,
    ImageKitRateLimitError,
    ImageKitResponseError,
    ImageKitServerError,
    ImageKitStatusError,
)

FILE_ID = "598821f949c0a938d57563bd"
REQUEST = api.file_metadata(FILE_ID)
REQUEST_ID = "e98f2464-2a86-4934-a5ab-9a226df012c9"
HELP = "For support kindly contact us at support@imagekit.io."


def answer(status: int, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return api.decode(
        REQUEST, status, CaseInsensitiveDict({"x-ik-requestId": REQUEST_ID} | (headers or {})), raw
    )


class TestRequests:
    def test_a_file_id_is_one_path_segment(self) -> None:
        assert api.file_metadata(FILE_ID).target == f"/v1/files/{FILE_ID}/metadata"
        assert api.file_metadata("a/b c?d#e%2F").target == "/v1/files/a%2Fb%20c%3Fd%23e%252F/metadata"

    @pytest.mark.parametrize("wrong", ["", "  ", ".", "..", "a\nb", "a\x00", "\x7f", None, 7, ["a"], b"a"])
    def test_an_impossible_file_id_is_refused(self, wrong: Any) -> None:
        with pytest.raises(ImageKitInputError, match="file_id"):
            api.file_metadata(wrong)

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
        assert api.remote_url_metadata(url).target == f"/v1/metadata?url={encoded}"

    @given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=60))
    def test_whatever_a_url_holds_reaches_the_server_unchanged(self, tail: str) -> None:
        url = f"https://ik.imagekit.io/demo/{tail}".strip()
        query = urlsplit(api.remote_url_metadata(url).target).query
        # "+" means a blank only in forms; a server that reads it so must get the same text.
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
            api.remote_url_metadata(wrong)

    def test_a_listing_leaves_out_what_was_not_asked_for(self) -> None:
        assert api.list_files(limit=1).target == "/v1/files?skip=0&limit=1"
        target = api.list_files(search_query='size > "2mb" AND name : "a&b"', path="/a b/", skip=1000).target
        assert target == (
            "/v1/files?searchQuery=size%20%3E%20%222mb%22%20AND%20name%20%3A%20%22a%26b%22"
            "&path=%2Fa%20b%2F&skip=1000&limit=1000"
        )

    def test_the_text_of_a_request_hides_a_signature(self) -> None:
        url = (
            "https://ik.imagekit.io/demo/a.jpg?ik-t=9999999999&ik-s=32dbbbfc5f945c0403c71b54c38e76896ef2d6b0"
        )
        text = str(api.remote_url_metadata(url))
        assert "32dbbbfc" not in text
        assert "ik-s%3D***" in text
        assert api.mask_signature(url).endswith("&ik-s=***")


class TestAnswers:
    def test_a_good_answer_is_its_value_with_unknown_names(self) -> None:
        assert answer(200, {"width": 100, "brandNew": [1]}) == {"width": 100, "brandNew": [1]}

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (400, ImageKitBadRequestError),
            (401, ImageKitAuthError),
            (403, ImageKitAuthError),
            (404, ImageKitNotFoundError),
            (408, ImageKitServerError),
            (423, ImageKitServerError),
            (429, ImageKitRateLimitError),
            (500, ImageKitServerError),
            (503, ImageKitServerError),
            (409, ImageKitStatusError),
        ],
    )
    def test_each_status_has_its_class(self, status: int, error: type[ImageKitStatusError]) -> None:
        with pytest.raises(error) as caught:
            answer(status, {"message": "No.", "help": HELP})
        assert type(caught.value) is error
        assert caught.value.status == status
        assert caught.value.message == "No."
        assert caught.value.request_id == REQUEST_ID
        assert str(status) in str(caught.value)
        assert REQUEST_ID in str(caught.value)

    def test_a_wrong_key_is_told_apart_from_a_missing_one(self) -> None:
        with pytest.raises(ImageKitAuthError, match="Put the private key into the password"):
            answer(401, {"message": "Your request does not contain private API key.", "help": HELP})
        with pytest.raises(ImageKitAuthError, match="must be a private key of this account"):
            answer(403, {"message": "Your account cannot be authenticated.", "help": HELP})

    def test_imagekits_help_and_reason_are_kept_where_we_know_no_better(self) -> None:
        with pytest.raises(ImageKitStatusError) as caught:
            answer(409, {"message": "Exists.", "help": HELP, "reason": "FILE_ALREADY_EXISTS"})
        assert caught.value.help == HELP
        assert caught.value.reason == "FILE_ALREADY_EXISTS"
        assert "[FILE_ALREADY_EXISTS]" in str(caught.value)

    def test_a_url_of_another_account_gets_help_and_no_signature(self) -> None:
        url = "https://x.example/a.jpg?ik-s=0123456789abcdef"
        message = f"{url} should be accessible using your ImageKit.io account."
        with pytest.raises(ImageKitBadRequestError, match="URL endpoint of the key's own account") as caught:
            answer(400, {"message": message, "help": HELP})
        assert "0123456789abcdef" not in str(caught.value)

    @pytest.mark.parametrize(
        ("headers", "reset_ms"),
        [
            ({"X-RateLimit-Reset": "3000"}, 3000),
            ({"X-RateLimit-Reset": "0"}, 0),
            ({"Retry-After": "3"}, 3000),
            ({"X-RateLimit-Reset": "250", "Retry-After": "9"}, 250),
            ({"X-RateLimit-Reset": "soon", "Retry-After": "2"}, 2000),
            ({"X-RateLimit-Reset": "-5"}, None),
            ({"X-RateLimit-Reset": "nan"}, None),
            ({"X-RateLimit-Reset": "٣"}, None),
            ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
            ({}, None),
        ],
    )
    def test_the_reset_is_read_in_milliseconds(self, headers: dict[str, str], reset_ms: int | None) -> None:
        with pytest.raises(ImageKitRateLimitError) as caught:
            answer(429, {"message": "Too many requests."}, headers)
        assert caught.value.reset_ms == reset_ms

    @pytest.mark.parametrize(
        "body", [b"", b"<html>Bad gateway</html>", b'{"width": 1', b"\xff\xfe\x00", b"[" * 99_999]
    )
    def test_a_2xx_that_is_no_json_is_a_response_error(self, body: bytes) -> None:
        with pytest.raises(ImageKitResponseError, match="no JSON") as caught:
            answer(200, body)
        assert caught.value.request_id == REQUEST_ID

    @pytest.mark.parametrize("body", [[], "text", 3, None, True])
    def test_json_of_another_type_is_a_response_error(self, body: Any) -> None:
        with pytest.raises(ImageKitResponseError, match="not an object"):
            answer(200, body)

    @pytest.mark.parametrize("body", [{}, "text", None, [1], [{}, []], [{"fileId": "a"}, None]])
    def test_a_listing_of_anything_but_objects_is_a_response_error(self, body: Any) -> None:
        with pytest.raises(ImageKitResponseError, match="not a list of objects"):
            api.decode(api.list_files(), 200, {}, json.dumps(body).encode())

    @pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"[1]", b'{"message": null}'])
    def test_an_error_without_imagekits_body_still_has_its_class_and_a_text(self, body: bytes) -> None:
        with pytest.raises(ImageKitServerError) as caught:
            answer(502, body)
        assert caught.value.message

    def test_a_redirect_is_an_error_that_names_the_other_server(self) -> None:
        with pytest.raises(ImageKitStatusError, match=r"redirects to https://evil\.example/"):
            answer(302, b"", {"Location": "https://evil.example/"})

    @given(
        st.integers(100, 599),
        st.binary(max_size=200),
        st.dictionaries(st.text(max_size=20), st.text(max_size=20)),
    )
    def test_any_answer_is_a_value_or_one_of_our_errors(
        self, status: int, body: bytes, headers: dict[str, str]
    ) -> None:
        with contextlib.suppress(ImageKitStatusError, ImageKitResponseError):
            assert isinstance(api.decode(REQUEST, status, CaseInsensitiveDict(headers), body), dict)
