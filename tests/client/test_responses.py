from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from airflow_provider_imagekit.client import endpoints
from airflow_provider_imagekit.client.responses import decode
from airflow_provider_imagekit.client.settings import Redactor
from airflow_provider_imagekit.exceptions import (
    ImageKitAuthError,
    ImageKitBadRequestError,
    ImageKitNotFoundError,
    ImageKitRateLimitError,
    ImageKitResponseError,
    ImageKitServerError,
    ImageKitStatusError,
)

FILE_ID = "598821f949c0a938d57563bd"
REQUEST = endpoints.file_metadata(FILE_ID)
REDACTOR = Redactor("private_of_the_tests")
REQUEST_ID = "e98f2464-2a86-4934-a5ab-9a226df012c9"
HELP = "For support kindly contact us at support@imagekit.io."


def decoded(status: int, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode(
        REQUEST, status, CaseInsensitiveDict({"x-ik-requestId": REQUEST_ID} | (headers or {})), raw, REDACTOR
    )


class TestDecode:
    def test_a_good_response_keeps_unknown_fields(self) -> None:
        assert decoded(200, {"width": 100, "brandNew": [1]}) == {"width": 100, "brandNew": [1]}

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
            decoded(status, {"message": "No.", "help": HELP})
        assert type(caught.value) is error
        assert caught.value.status == status
        assert caught.value.message == "No."
        assert caught.value.request_id == REQUEST_ID
        assert str(status) in str(caught.value)
        assert REQUEST_ID in str(caught.value)

    def test_a_wrong_key_is_told_apart_from_a_missing_one(self) -> None:
        with pytest.raises(ImageKitAuthError, match=r"account.s key into Private key \(password\)"):
            decoded(401, {"message": "Your request does not contain private API key.", "help": HELP})
        with pytest.raises(ImageKitAuthError, match="must be a private key of this account"):
            decoded(403, {"message": "Your account cannot be authenticated.", "help": HELP})

    def test_imagekits_help_and_reason_are_kept_by_default(self) -> None:
        with pytest.raises(ImageKitStatusError) as caught:
            decoded(409, {"message": "Exists.", "help": HELP, "reason": "FILE_ALREADY_EXISTS"})
        assert caught.value.help == HELP
        assert caught.value.reason == "FILE_ALREADY_EXISTS"
        assert "[FILE_ALREADY_EXISTS]" in str(caught.value)

    def test_a_url_of_another_account_gets_help_and_no_signature(self) -> None:
        url = "https://x.example/a.jpg?ik-s=0123456789abcdef"
        message = f"{url} should be accessible using your ImageKit.io account."
        with pytest.raises(ImageKitBadRequestError, match="URL endpoint of the key's own account") as caught:
            decoded(400, {"message": message, "help": HELP})
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
            decoded(429, {"message": "Too many requests."}, headers)
        assert caught.value.reset_ms == reset_ms

    @pytest.mark.parametrize(
        "body", [b"", b"<html>Bad gateway</html>", b'{"width": 1', b"\xff\xfe\x00", b"[" * 99_999]
    )
    def test_a_2xx_that_is_no_json_is_a_response_error(self, body: bytes) -> None:
        with pytest.raises(ImageKitResponseError, match="not JSON") as caught:
            decoded(200, body)
        assert caught.value.request_id == REQUEST_ID

    @pytest.mark.parametrize("body", [[], "text", 3, None, True])
    def test_json_of_another_type_is_a_response_error(self, body: Any) -> None:
        with pytest.raises(ImageKitResponseError, match="not an object"):
            decoded(200, body)

    @pytest.mark.parametrize("body", [{}, "text", None, [1], [{}, []], [{"fileId": "a"}, None]])
    def test_a_listing_of_anything_but_objects_is_a_response_error(self, body: Any) -> None:
        with pytest.raises(ImageKitResponseError, match="not a list of objects"):
            decode(endpoints.list_files(), 200, {}, json.dumps(body).encode(), REDACTOR)

    @pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"[1]", b'{"message": null}'])
    def test_an_error_without_imagekits_body_still_has_its_class_and_a_text(self, body: bytes) -> None:
        with pytest.raises(ImageKitServerError) as caught:
            decoded(502, body)
        assert caught.value.message

    def test_a_redirect_is_an_error_that_names_the_other_server(self) -> None:
        with pytest.raises(ImageKitStatusError, match=r"redirects to https://evil\.example/"):
            decoded(302, b"", {"Location": "https://evil.example/"})

    @given(
        st.integers(100, 599),
        st.binary(max_size=200),
        st.dictionaries(st.text(max_size=20), st.text(max_size=20)),
    )
    def test_any_answer_is_a_value_or_one_of_our_errors(
        self, status: int, body: bytes, headers: dict[str, str]
    ) -> None:
        with contextlib.suppress(ImageKitStatusError, ImageKitResponseError):
            assert isinstance(decode(REQUEST, status, CaseInsensitiveDict(headers), body, REDACTOR), dict)
