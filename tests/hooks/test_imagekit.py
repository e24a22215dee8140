from __future__ import annotations

import asyncio
import inspect
import json
import logging
from urllib.parse import quote

import pytest

from airflow_provider_imagekit.compat import AirflowNotFoundException
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitAuthError, ImageKitConfigurationError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.provider_info import CONNECTION_TYPE
from tests import pictures
from tests.support import AIRFLOW_3


def connect(monkeypatch: pytest.MonkeyPatch, imagekit: ImageKitEmulator, **fields: object) -> ImageKitHook:
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(imagekit.airflow_connection | fields))
    return ImageKitHook()


class TestCalls:
    def test_metadata_by_id_and_by_url(self, connection: str, imagekit: ImageKitEmulator) -> None:
        hook = ImageKitHook(connection)
        by_id = hook.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
        by_url = hook.get_remote_url_metadata(imagekit.file_url(pictures.ORIGINAL))
        assert by_id == by_url
        assert by_id["width"] == 640

    def test_phash_and_listing(self, connection: str, imagekit: ImageKitEmulator) -> None:
        hook = ImageKitHook(connection)
        assert isinstance(hook.get_phash(file_id=imagekit.file_id(pictures.ORIGINAL)), PHash)
        listed = [item["filePath"] for item in hook.list_files(path="/docs")]
        assert listed == [f"/{pictures.NO_PICTURE}"]
        assert hook.find_file(pictures.ORIGINAL)["fileId"] == imagekit.file_id(pictures.ORIGINAL)

    def test_hooks_with_equal_settings_share_one_client(self, connection: str) -> None:
        first = ImageKitHook(connection).get_conn()
        assert ImageKitHook(connection).get_conn() is first

    def test_the_asynchronous_client_is_the_same(self, connection: str) -> None:
        hook = ImageKitHook(connection)
        assert asyncio.run(hook.aget_conn()) is ImageKitHook(connection).get_conn()

    def test_a_refresh_takes_up_a_rotated_key_and_nothing_else(
        self, connection: str, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hook = ImageKitHook(connection)
        client = hook.get_conn()
        assert hook.get_conn(refresh=True) is client
        imagekit.private_key = "private_rotated="
        with pytest.raises(ImageKitAuthError):
            hook.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
        connect(monkeypatch, imagekit)
        assert hook.get_conn(refresh=True) is not client
        assert hook.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))["width"] == 640


class TestConnectionForms:
    KEY = "private_Ab+Cd/Ef=="

    @pytest.fixture
    def keyed(self, imagekit: ImageKitEmulator) -> ImageKitEmulator:
        imagekit.private_key = self.KEY
        return imagekit

    def test_the_environment_variable_as_json(
        self, keyed: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert connect(monkeypatch, keyed).test_connection()[0]

    def test_the_environment_variable_as_uri_with_the_key_percent_encoded(
        self, keyed: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        uri = f"imagekit://:{quote(self.KEY, safe='')}@{quote(keyed.url, safe='')}/?timeout=5&max_retries=1"
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", uri)
        ok, message = ImageKitHook().test_connection()
        assert ok, message

    def test_a_key_in_login_works_with_a_warning(
        self, keyed: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        hook = connect(monkeypatch, keyed, login=self.KEY, password=None)
        with caplog.at_level(logging.WARNING):
            assert hook.test_connection()[0]
        assert self.KEY not in caplog.text


class TestTestConnection:
    def test_a_right_key_is_accepted_with_one_small_request(
        self, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        assert ImageKitHook(connection).test_connection() == (
            True,
            f"{imagekit.url} accepts the private key.",
        )
        assert imagekit.requests[-1].query["limit"] == "1"

    def test_a_wrong_key_is_refused(
        self, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ok, message = connect(monkeypatch, imagekit, password="private_wrong=").test_connection()
        assert not ok
        assert "403" in message
        assert "must be a private key of this account" in message
        assert "private_wrong" not in message

    def test_a_missing_key(self, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
        ok, message = connect(monkeypatch, imagekit, password=None).test_connection()
        assert (ok, "Private key (password) of the Airflow Connection is empty" in message) == (False, True)

    def test_a_key_that_got_lost_on_the_way(self, connection: str, imagekit: ImageKitEmulator) -> None:
        imagekit.inject(status=401, body={"message": "Your request does not contain private API key."})
        ok, message = ImageKitHook(connection).test_connection()
        assert (ok, "401" in message) == (False, True)

    def test_the_mask_of_the_form(self, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
        ok, message = connect(monkeypatch, imagekit, password="***").test_connection()
        assert (ok, "Type the key in again" in message) == (False, True)

    def test_an_unreachable_host(self, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
        ok, message = connect(monkeypatch, imagekit, host="http://127.0.0.1:9").test_connection()
        assert (ok, "Check the network" in message) == (False, True)

    def test_an_account_over_its_limit_still_proves_the_key(
        self, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        imagekit.private_key = "private_of_a_busy_account="
        imagekit.inject(status=429, headers={"X-RateLimit-Reset": "50"})
        ok, message = connect(monkeypatch, imagekit).test_connection()
        assert (ok, "over its rate limit" in message) == (True, True)

    def test_a_wrong_key_is_wrong_at_every_click(
        self, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        extra = imagekit.airflow_connection["extra"] | {"requests_per_second": 0.05}
        hook = connect(monkeypatch, imagekit, password="private_wrong_twice=", extra=extra)
        first, second = hook.test_connection(), hook.test_connection()
        assert (first[0], "403" in first[1]) == (False, True)
        assert (second[0], "was not tested" in second[1]) == (False, True)

    def test_plain_http_to_another_machine(
        self, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ok, message = connect(monkeypatch, imagekit, host="http://imagekit.example").test_connection()
        assert (ok, "Use https" in message) == (False, True)


class TestUnknownFields:
    def test_they_are_warned_about_once(
        self,
        imagekit: ImageKitEmulator,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        for _ in range(3):
            connect(monkeypatch, imagekit, extra={"time_out": 5}).get_conn(refresh=True)
        assert caplog.text.count("Did you mean timeout?") == 1


class TestRates:
    def test_they_follow_the_edited_connection(
        self, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        imagekit.private_key = "private_of_an_edited_connection="
        for rate in (40, 5, 40):
            extra = {"requests_per_second": rate}
            client = connect(monkeypatch, imagekit, extra=extra).get_conn(refresh=True)
            assert client._rate_limiter.rate == rate


class TestForm:
    def test_the_hooks_form_is_the_declared_one(self) -> None:
        behaviour = ImageKitHook.get_ui_field_behaviour()
        declared = CONNECTION_TYPE["ui-field-behaviour"]
        assert behaviour == {name.replace("-", "_"): value for name, value in declared.items()}

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # those of the form library itself
    @pytest.mark.skipif(AIRFLOW_3, reason="Airflow 3 has no form library and reads the declared form")
    def test_on_airflow_2_each_declared_field_is_a_widget(self) -> None:
        assert ImageKitHook.get_connection_form_widgets().keys() == CONNECTION_TYPE["conn-fields"].keys()

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    @pytest.mark.skipif(AIRFLOW_3, reason="Airflow 3 has no form library and reads the declared form")
    def test_on_airflow_2_the_form_shows_no_secret(self) -> None:
        from wtforms import PasswordField

        fields = ImageKitHook.get_connection_form_widgets()
        secret = {name for name, field in fields.items() if field.field_class is PasswordField}
        assert secret == {"rate_limit_url", "webhook_secrets"}

    def test_each_method_spells_its_arguments_out(self) -> None:
        methods = inspect.getmembers(ImageKitHook, inspect.isfunction)
        public = {name: inspect.signature(method) for name, method in methods if not name.startswith("_")}
        assert {"list_files", "upload_file", "update_file", "get_phash"} <= public.keys()
        hidden = {name for name, signature in public.items() if "**" in str(signature)}
        assert hidden == set()

    def test_what_airflow_asks_of_a_hook_is_there(self) -> None:
        assert (ImageKitHook.conn_type, ImageKitHook.hook_name) == ("imagekit", "ImageKit")
        assert ImageKitHook.conn_name_attr == "imagekit_conn_id"
        assert ImageKitHook.default_conn_name == "imagekit_default"

    def test_an_unusable_connection_names_its_field(
        self, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(ImageKitConfigurationError, match="timeout"):
            connect(monkeypatch, imagekit, extra={"timeout": "soon"}).get_conn()

    def test_a_connection_that_is_not_there_is_named_in_a_triggerer_too(self) -> None:
        for ask in (ImageKitHook("shop").get_conn, lambda: asyncio.run(ImageKitHook("shop").aget_conn())):
            with pytest.raises(AirflowNotFoundException, match=r"imagekit_conn_id is 'shop': .*CONN_SHOP"):
                ask()
