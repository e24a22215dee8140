from __future__ import annotations

import base64
import logging
from pathlib import Path
from unicodedata import normalize
from urllib.parse import unquote

import pytest

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import (
    ImageKitAuthError,
    ImageKitBadRequestError,
    ImageKitConfigurationError,
    ImageKitInputError,
    ImageKitNotFoundError,
    ImageKitRateLimitError,
    ImageKitResponseError,
    ImageKitServerError,
    ImageKitStatusError,
    ImageKitTransportError,
    MissingPHashError,
)
from tests import pictures
from tests.support import Clock, client_of

SIGNED = (
    "tr:w-300,h-200/shop/a b+c/ü%2F.jpg?tr=w-1&ik-t=9999999999&ik-s=32dbbbfc5f945c0403c71b54c38e76896ef2d6b0"
)


class TestCalls:
    def test_metadata_of_a_file(self, client: ImageKitClient, imagekit: ImageKitEmulator) -> None:
        metadata = client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
        assert (metadata["width"], metadata["height"], metadata["format"]) == (640, 480, "jpg")
        assert metadata["exif"]["image"]["Model"] == "Canon EOS 40D"

    def test_metadata_of_a_transformed_picture(
        self, client: ImageKitClient, imagekit: ImageKitEmulator
    ) -> None:
        url = imagekit.file_url(pictures.ORIGINAL).replace("/shop/", "/tr:w-100/shop/")
        assert client.get_remote_url_metadata(url)["width"] == 100

    def test_the_phash_of_a_recompressed_picture_is_near(
        self, client: ImageKitClient, imagekit: ImageKitEmulator
    ) -> None:
        original = client.get_phash(file_id=imagekit.file_id(pictures.ORIGINAL))
        assert original.distance(client.get_phash(url=imagekit.file_url(pictures.RECOMPRESSED))) <= 8
        assert original.distance(client.get_phash(url=imagekit.file_url(pictures.UNRELATED))) > 16

    def test_a_file_without_phash_says_so(self, client: ImageKitClient, imagekit: ImageKitEmulator) -> None:
        imagekit.inject(body={"height": 720, "width": 1280, "videoCodec": "h264"})
        with pytest.raises(MissingPHashError, match=r"has no pHash \(h264\).*raster images only"):
            client.get_phash(file_id=imagekit.file_id(pictures.ORIGINAL))

    def test_exactly_one_of_file_id_and_url_is_required(self, client: ImageKitClient) -> None:
        for wrong in ({}, {"file_id": "a", "url": "https://x.example/"}):
            with pytest.raises(ImageKitInputError, match="exactly one"):
                client.get_phash(**wrong)


class TestWire:
    def test_the_key_is_the_user_and_the_password_is_empty(
        self, client: ImageKitClient, imagekit: ImageKitEmulator
    ) -> None:
        client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
        scheme, _, value = imagekit.requests[0].headers["authorization"].partition(" ")
        assert scheme == "Basic"
        assert base64.b64decode(value).decode() == f"{imagekit.private_key}:"

    def test_the_user_agent_tells_the_versions(
        self, client: ImageKitClient, imagekit: ImageKitEmulator
    ) -> None:
        client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
        agent = imagekit.requests[0].headers["user-agent"]
        assert agent.startswith("airflow-provider-imagekit/")
        assert "python/" in agent
        assert "requests/" in agent

    def test_a_url_arrives_encoded_exactly_once(
        self, client: ImageKitClient, imagekit: ImageKitEmulator
    ) -> None:
        url = f"{imagekit.url_endpoint}/{SIGNED}"
        with pytest.raises(ImageKitStatusError):
            client.get_remote_url_metadata(url)
        raw = imagekit.requests[0].raw_target
        assert unquote(raw.removeprefix("/v1/metadata?url=")) == url
        assert "+" not in raw
        assert imagekit.requests[0].query == {"url": url}

    def test_a_file_id_arrives_as_one_path_segment(
        self, client: ImageKitClient, imagekit: ImageKitEmulator
    ) -> None:
        with pytest.raises(ImageKitStatusError):
            client.get_file_metadata("..a b?c#d")
        assert imagekit.requests[0].raw_target == "/v1/files/..a%20b%3Fc%23d/metadata"

    def test_sockets_are_used_again(self, client: ImageKitClient, imagekit: ImageKitEmulator) -> None:
        for _ in range(3):
            client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
        assert {request.headers.get("connection") for request in imagekit.requests} == {"keep-alive"}


class TestErrors:
    def test_a_wrong_key_is_not_retried(self, imagekit: ImageKitEmulator, clock: Clock) -> None:
        with pytest.raises(ImageKitAuthError) as caught:
            client_of(imagekit, clock, settings="private_wrong=").get_file_metadata("a" * 24)
        assert caught.value.status == 403
        assert caught.value.request_id
        assert len(imagekit.requests) == 1

    def test_a_missing_file_is_not_retried(self, client: ImageKitClient, imagekit: ImageKitEmulator) -> None:
        with pytest.raises(ImageKitNotFoundError):
            client.get_file_metadata("a" * 24)
        assert len(imagekit.requests) == 1

    def test_a_url_of_another_account_is_explained(self, client: ImageKitClient) -> None:
        with pytest.raises(ImageKitBadRequestError, match="URL endpoint of the key's own account"):
            client.get_remote_url_metadata("https://ik.imagekit.io/somebody_else/a.jpg")

    def test_nobody_listening_is_a_transport_error(self, imagekit: ImageKitEmulator, clock: Clock) -> None:
        client = client_of(imagekit, clock, base_url="http://127.0.0.1:9", max_retries=2)
        with pytest.raises(ImageKitTransportError, match="Check the network") as caught:
            client.get_file_metadata("a" * 24)
        assert "Connection refused" in str(caught.value)
        assert clock.slept == [0.25, 0.5]

    @pytest.mark.parametrize(
        "fault",
        [
            {"drop": "before"},
            {"drop": "middle"},
            {"truncate": True},
            {"garbage": True},
            {"status": 500},
            {"status": 502, "body": "<html>Bad gateway</html>"},
            {"status": 503},
            {"status": 408},
            {"status": 200, "body": b""},
            {"status": 200, "body": b'{"width": '},
            {"status": 200, "body": "<html>"},
            {"status": 200, "body": [1, 2]},
        ],
        ids=str,
    )
    def test_temporary_faults_are_retried_until_they_end(
        self, client: ImageKitClient, imagekit: ImageKitEmulator, fault: dict[str, object]
    ) -> None:
        imagekit.inject(**fault, times=2)
        assert client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))["width"] == 640
        assert len(imagekit.requests) == 3

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ({"status": 500}, ImageKitServerError),
            ({"drop": "before"}, ImageKitTransportError),
            ({"truncate": True}, ImageKitTransportError),
            ({"status": 200, "body": b""}, ImageKitResponseError),
            ({"status": 429}, ImageKitRateLimitError),
        ],
        ids=str,
    )
    def test_lasting_faults_raise_their_error_after_the_retries(
        self,
        imagekit: ImageKitEmulator,
        clock: Clock,
        fault: dict[str, object],
        error: type[Exception],
    ) -> None:
        imagekit.inject(**fault, times=None)
        with pytest.raises(error):
            client_of(imagekit, clock, max_retries=3).get_file_metadata("a" * 24)
        assert len(imagekit.requests) == 4

    def test_a_redirect_is_not_followed_so_the_key_reaches_nobody_else(
        self, client: ImageKitClient, imagekit: ImageKitEmulator, library: Path
    ) -> None:
        with ImageKitEmulator(library=library) as other:
            imagekit.inject(redirect=f"{other.url}/v1/files")
            with pytest.raises(ImageKitStatusError, match="redirects to"):
                client.get_file_metadata("a" * 24)
            assert other.requests == []

    def test_a_server_that_drips_is_left_after_the_timeout(
        self, imagekit: ImageKitEmulator, clock: Clock
    ) -> None:
        imagekit.inject(drip=0.05, times=None)
        client = client_of(imagekit, clock, timeout=0.4, max_retries=0)
        with pytest.raises(ImageKitTransportError, match="timed out"):
            client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))

    def test_a_server_that_is_silent_is_left_after_the_timeout(
        self, imagekit: ImageKitEmulator, clock: Clock
    ) -> None:
        imagekit.inject(delay=2)
        client = client_of(imagekit, clock, timeout=0.2, max_retries=0)
        with pytest.raises(ImageKitTransportError, match="timed out"):
            client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))

    def test_an_answer_beyond_the_size_limit_is_refused_even_when_it_is_small_on_the_wire(
        self, imagekit: ImageKitEmulator, clock: Clock
    ) -> None:
        imagekit.inject(status=200, body=b"[" + b" " * (65 * 1024 * 1024) + b"]", gzip=True)
        with pytest.raises(ImageKitResponseError, match="larger than"):
            client_of(imagekit, clock, max_retries=0).get_file_metadata("a" * 24)


class TestListing:
    def test_it_yields_every_page(self, tmp_path: Path, clock: Clock) -> None:
        for number in range(25):
            (tmp_path / f"{number:02}.txt").write_text(str(number))
        with ImageKitEmulator(library=tmp_path) as imagekit:
            client = client_of(imagekit, clock)
            assert len({item["fileId"] for item in client.list_files()}) == 25
            assert len(list(client.list_files(limit=7))) == 7
            assert [int(request.query["limit"]) for request in imagekit.requests] == [1000, 1000, 7]

    def test_a_full_page_is_followed_by_the_next(
        self, client: ImageKitClient, imagekit: ImageKitEmulator
    ) -> None:
        pages = [[{"fileId": f"{page}-{n}"} for n in range(1000)] for page in range(2)]
        imagekit.inject(status=200, body=pages[0], match="skip=0&")
        imagekit.inject(status=200, body=[pages[0][-1], *pages[1][:-1]], match="skip=999&")
        imagekit.inject(status=200, body=[*pages[1][-2:], {"fileId": "last"}], match="skip=1998&")
        imagekit.inject(status=200, body=[{"fileId": "last"}], match="skip=2000&")
        identities = [item["fileId"] for item in client.list_files()]
        assert len(identities) == 2001
        assert identities[-1] == "last"

    def test_folders_and_types(self, client: ImageKitClient, imagekit: ImageKitEmulator) -> None:
        assert {item["type"] for item in client.list_files(type="folder", path="/")} == {"folder"}
        names = {item["name"] for item in client.list_files(path="/shop", file_type="image", sort="ASC_NAME")}
        assert "original.jpg" in names

    def test_a_wrong_argument_is_named(self, client: ImageKitClient) -> None:
        with pytest.raises(ImageKitBadRequestError, match="sort"):
            list(client.list_files(sort="UPWARDS"))

    def test_a_file_is_found_by_its_path(self, client: ImageKitClient, imagekit: ImageKitEmulator) -> None:
        for path in (f"/{pictures.ORIGINAL}", pictures.ORIGINAL, f" /{pictures.ORIGINAL}\n"):
            assert client.find_file(path)["fileId"] == imagekit.file_id(pictures.ORIGINAL)
        for path in ("/shop/none.jpg", "/SHOP/original.jpg", "/", ""):
            with pytest.raises(ImageKitNotFoundError, match="There is no"):
                client.find_file(path)

    @pytest.mark.parametrize("stored", ["NFC", "NFD"])
    @pytest.mark.parametrize("requested", ["NFC", "NFD"])
    def test_a_file_is_found_however_the_accents_of_its_path_are_written(
        self, tmp_path: Path, clock: Clock, stored: str, requested: str
    ) -> None:
        path = normalize(stored, "Gemälde/né.txt")
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_text("a")
        with ImageKitEmulator(library=tmp_path) as imagekit:
            found = client_of(imagekit, clock).find_file(normalize(requested, path))
        assert found["filePath"] == f"/{path}"

    @pytest.mark.parametrize(
        ("requested", "of_folder", "of_name"), [("NFC", "NFC", "NFD"), ("NFD", "NFC", "NFD")]
    )
    def test_a_file_is_found_whose_folder_and_name_write_their_accents_differently(
        self, tmp_path: Path, clock: Clock, requested: str, of_folder: str, of_name: str
    ) -> None:
        folder, name = normalize(of_folder, "Gemälde"), normalize(of_name, "né.txt")
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("a")
        with ImageKitEmulator(library=tmp_path) as imagekit:
            found = client_of(imagekit, clock).find_file(normalize(requested, f"{folder}/{name}"))
        assert found["filePath"] == f"/{folder}/{name}"


class TestSecrets:
    @pytest.mark.parametrize(
        "base_url",
        [
            "http://api.imagekit.io",
            "api.imagekit.io",
            "ftp://127.0.0.1",
            "",
            "https://",
            "http://127.0.0.1.evil.example",
        ],
    )
    def test_plain_http_is_refused_except_for_loopback(self, base_url: str) -> None:
        with pytest.raises(ImageKitConfigurationError, match="cannot be used"):
            ImageKitClient("private_x", base_url=base_url)

    def test_plain_http_to_another_host_requires_allow_http_and_logs_a_warning(
        self, imagekit: ImageKitEmulator, caplog: pytest.LogCaptureFixture
    ) -> None:
        base_url = imagekit.url.replace("127.0.0.1", "127.1")  # not recognized as a loopback address
        with pytest.raises(ImageKitConfigurationError) as refused:
            ImageKitClient(imagekit.private_key, base_url=base_url)
        assert "allow_http" in str(refused.value.help)
        client = ImageKitClient(imagekit.private_key, base_url=base_url, allow_http=True)
        assert client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))["width"]
        assert "Requests to 127.1 use plain http (allow_http)" in caplog.text
        assert imagekit.private_key not in caplog.text
        client.close()

    def test_neither_key_nor_signature_is_in_any_text(
        self, imagekit: ImageKitEmulator, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        client = client_of(imagekit, clock, max_retries=1)
        url = f"{imagekit.url_endpoint}/{SIGNED}"
        texts = [repr(client)]
        for fault in (
            {"status": 503},
            {"drop": "before"},
            {"status": 429},
            {"status": 200, "body": "x"},
            {"delay": 0},
        ):
            imagekit.clear_faults()
            imagekit.inject(**fault, times=None)
            with pytest.raises(Exception) as caught:  # noqa: PT011 - whichever it is
                client.get_remote_url_metadata(url)
            texts += [str(caught.value), repr(caught.value), repr(caught.value.__context__)]
        everything = "\n".join([*texts, caplog.text])
        assert "Retry 1 in" in everything
        assert imagekit.private_key not in everything
        assert base64.b64encode(f"{imagekit.private_key}:".encode()).decode() not in everything
        assert "32dbbbfc" not in everything
