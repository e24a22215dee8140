from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_imagekit.client.settings import ClientSettings
from airflow_provider_imagekit.exceptions import ImageKitConfigurationError
from airflow_provider_imagekit.hooks.connection import client_settings, unknown_fields, uses_login
from airflow_provider_imagekit.provider_info import (
    CONNECTION_FIELDS,
    CONNECTION_TYPE,
    STANDARD_FIELDS,
    value_if_empty,
)

KEY = "private_AbC+dEf/gHi123456789012345="
#: Kinds of fields that refuse a word.
NEVER_A_WORD = {"number", "integer", "switch", "object", "proxies", "redis", "switch or bundle"}


def read(extra: dict[str, Any] | None = None, **fields: Any) -> ClientSettings:
    connection = SimpleNamespace(
        **{"host": None, "port": None, "schema": None, "login": None, "password": KEY} | fields
    )
    return client_settings(connection, extra or {})  # type: ignore[arg-type]


def test_a_key_is_all_that_is_needed() -> None:
    assert read() == ClientSettings(KEY)
    assert read().base_url == "https://api.imagekit.io"
    assert read().verify is True


def test_blank_fields_count_as_absent() -> None:
    extra = dict.fromkeys(
        ("timeout", "max_retries", "max_wait", "requests_per_second", "verify", "proxies"), ""
    )
    assert read(extra, host="", schema="", login="") == ClientSettings(KEY)


def test_values_that_arrive_as_strings_are_read() -> None:
    settings = read(
        {
            "timeout": "30",
            "max_retries": "2",
            "max_wait": "12.5",
            "requests_per_second": "40",
            "verify": "false",
            "proxies": '{"https": "http://proxy:3128"}',
        }
    )
    assert settings == ClientSettings(
        KEY,
        timeout=30,
        max_retries=2,
        max_wait=12.5,
        requests_per_second=40,
        verify=False,
        proxies=(("https", "http://proxy:3128"),),
    )


def test_values_of_json_types_are_read() -> None:
    settings = read(
        {"timeout": 30, "verify": True, "proxies": {"https": "http://proxy:3128"}, "max_retries": 0}
    )
    assert (settings.timeout, settings.verify, settings.max_retries) == (30, True, 0)
    assert settings.proxies == (("https", "http://proxy:3128"),)


def test_unknown_extra_fields_count_for_nothing() -> None:
    assert read(
        {"headers": {"X": "y"}, "auth_type": "evil", "private_key": "private_other"}
    ) == ClientSettings(KEY)


def test_verify_takes_the_path_of_a_ca_bundle_or_of_a_folder(tmp_path: Path) -> None:
    bundle = tmp_path / "own.pem"
    bundle.touch()
    assert [read({"verify": f" {path} "}).verify for path in (bundle, tmp_path)] == [
        str(bundle),
        str(tmp_path),
    ]


@pytest.mark.parametrize(
    "url", ["redis://h", "rediss://:p%2Fw@h:1/0", "redis+unix:///run/redis.sock", "valkey://h"]
)
def test_an_address_of_redis_is_taken_as_it_is(url: str) -> None:
    assert read({"rate_limit_url": f" {url}"}).rate_limit_url == url


@pytest.mark.parametrize("key", ["http", "https", "all", "no_proxy", "https://api.imagekit.io"])
def test_proxies_are_for_what_the_http_client_knows(key: str) -> None:
    assert read({"proxies": {key: "http://proxy:3128"}}).proxies == ((key, "http://proxy:3128"),)


@pytest.mark.parametrize(
    ("fields", "base_url"),
    [
        ({"host": "http://127.0.0.1:8123"}, "http://127.0.0.1:8123"),
        ({"host": "http://127.0.0.1:8123/"}, "http://127.0.0.1:8123"),
        ({"host": "127.0.0.1", "port": 8123}, "http://127.0.0.1:8123"),
        ({"host": "localhost", "port": 8123}, "http://localhost:8123"),
        ({"host": "imagekit.example"}, "https://imagekit.example"),
        ({"host": "imagekit.example", "port": 8443, "schema": "https"}, "https://imagekit.example:8443"),
        ({"host": "https://imagekit.example", "port": 8443}, "https://imagekit.example:8443"),
        ({"host": "imagekit.example", "schema": "http"}, "http://imagekit.example"),
        ({"host": "https://gateway/imagekit", "port": 443}, "https://gateway:443/imagekit"),
        ({"host": "gateway/imagekit/", "port": 8443}, "https://gateway:8443/imagekit"),
        ({"host": "https://gateway:8443/imagekit", "port": 443}, "https://gateway:8443/imagekit"),
    ],
)
def test_host_port_and_schema_make_the_base_url(fields: dict[str, Any], base_url: str) -> None:
    assert read(**fields).base_url == base_url


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"password": None}, "is empty"),
        ({"password": "  "}, "is empty"),
        ({"password": "***"}, "came from the form as"),
        ({"password": "public_abc="}, "public key"),
        ({"password": "private_a b"}, "spaces or characters"),
        ({"password": "private_ü"}, "spaces or characters"),
        ({"password": "private_a\nb"}, "spaces or characters"),
    ],
)
def test_an_impossible_key_is_refused_without_being_shown(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ImageKitConfigurationError, match=text) as caught:
        read(**fields)
    assert str(fields["password"]).strip() not in str(caught.value) or fields["password"] in (
        None,
        "  ",
        "***",
    )


def test_blanks_around_a_key_are_cut() -> None:
    assert read(password=f" {KEY}\n").private_key == KEY


def test_a_key_in_login_is_accepted_for_people_who_come_from_the_http_provider() -> None:
    assert read(login=KEY, password=None).private_key == KEY
    assert uses_login(SimpleNamespace(login=KEY, password=""))  # type: ignore[arg-type]
    assert not uses_login(SimpleNamespace(login="me", password=""))  # type: ignore[arg-type]
    assert not uses_login(SimpleNamespace(login="private_x", password=KEY))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["timeout", "max_retries", "max_wait", "requests_per_second"])
@pytest.mark.parametrize("wrong", ["fast", -1, "nan", "inf", True, [], {}])
def test_a_number_that_is_none_names_its_field(name: str, wrong: Any) -> None:
    with pytest.raises(ImageKitConfigurationError, match=name):
        read({name: wrong})


@pytest.mark.parametrize(
    "extra", [{"timeout": 0}, {"max_retries": 1.5}, {"proxies": "http://x"}, {"proxies": "[1]"}]
)
def test_impossible_values_are_refused(extra: dict[str, Any]) -> None:
    with pytest.raises(ImageKitConfigurationError, match=next(iter(extra))):
        read(extra)


@pytest.mark.parametrize(("value", "allowed"), [(True, True), ("true", True), ("", False), ("no", False)])
def test_allow_http_is_a_switch(value: Any, allowed: bool) -> None:
    assert read({"allow_http": value}).allow_http is allowed
    with pytest.raises(
        ImageKitConfigurationError, match=r"Allow plain http \(allow_http\) in the Airflow Connection's extra"
    ):
        read({"allow_http": "perhaps"})


def test_the_key_is_in_no_repr() -> None:
    settings = read({"proxies": {"https": "http://user:secret@proxy:3128"}})
    assert KEY not in repr(settings)
    assert "secret" not in repr(settings)


def test_each_field_of_the_table_is_in_the_documentation_word_for_word() -> None:
    text = (Path(__file__).parents[2] / "docs" / "connection.md").read_text("utf-8")
    rows = [
        f"| {field['label']} (`{name}`) | {field['help']} | {value_if_empty(name)} |"
        for name, field in CONNECTION_FIELDS.items()
    ]
    assert "\n".join(rows) in text
    places = [
        text.index(f"\n| {label.replace('(', '(`').replace(')', '`)')} |")
        for label in (*STANDARD_FIELDS.values(), "Port (port)")
    ]
    assert places == sorted(places)


def test_each_setting_is_a_field_of_the_table_or_a_standard_field() -> None:
    names = {field.name for field in dataclasses.fields(ClientSettings)}
    assert names - set(CONNECTION_FIELDS) == {"private_key", "base_url"}
    assert set(CONNECTION_FIELDS) - names == {"url_endpoint", "webhook_assets", "webhook_secrets"}


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("ik.imagekit.io", "belongs to ImageKit but is not its API"),
        ("https://ik.imagekit.io/demo", "belongs to ImageKit but is not its API"),
        ("http://IK.imagekit.io", "belongs to ImageKit but is not its API"),
        ("ik.imagekit.io:443", "belongs to ImageKit but is not its API"),
        ("https://imagekit.io/dashboard", "belongs to ImageKit but is not its API"),
        ("upload.imagekit.io", "belongs to ImageKit but is not its API"),
        ("https://images.shop.example/demo/", "is the URL endpoint and delivers files"),
        ("https://gateway/imagekit:443", "is not the address of an API, which is a host, a port and a path"),
        ("gateway/imagekit:443", "is not the address of an API"),
        ("https:/gateway", "is not the address of an API"),
        ("gateway?key=1", "is not the address of an API"),
        ("None", "is not the address of an API"),
        ("https://[::1", "is not a valid address"),
    ],
)
def test_a_host_that_is_not_an_api_is_refused_before_the_key_is_sent(host: str, reason: str) -> None:
    with pytest.raises(ImageKitConfigurationError) as caught:
        read({"url_endpoint": "https://images.shop.example/demo"}, host=host)
    assert str(caught.value).startswith("API base URL (host) of the Airflow Connection is '")
    assert reason in str(caught.value)
    assert "Leave it empty for https://api.imagekit.io" in str(caught.value)
    assert read(host="ik.imagekit.io.example").base_url == "https://ik.imagekit.io.example"


@pytest.mark.parametrize("url_endpoint", ["ik.imagekit.io/demo", "/demo", "https://", "https:///demo"])
def test_a_url_endpoint_without_a_scheme_is_refused(url_endpoint: str) -> None:
    with pytest.raises(ImageKitConfigurationError, match=r"^URL endpoint \(url_endpoint\) .* is '"):
        read({"url_endpoint": url_endpoint})


def test_errors_name_the_fields_as_the_form_does_in_its_order() -> None:
    labels = [*CONNECTION_TYPE["ui-field-behaviour"]["relabeling"].values()]
    labels += [field["label"] for field in CONNECTION_TYPE["conn-fields"].values()]
    wrong: dict[str, Any] = {"url_endpoint": "demo"}
    wrong |= {
        name: "?"
        for name, field in CONNECTION_FIELDS.items()
        if field["kind"] in NEVER_A_WORD and name != "webhook_assets"  # which the receiver alone reads
    }
    fields: dict[str, Any] = {"host": "ik.imagekit.io", "password": ""}
    named = []
    for name in [*fields, *wrong]:
        with pytest.raises(ImageKitConfigurationError) as caught:
            read(wrong, **fields)
        named.append(next(label for label in labels if str(caught.value).startswith(label)))
        fields |= {"host": "", "password": KEY} if name == "password" else {"host": ""}
        wrong.pop(name, None)
    assert named == [label for label in labels if label in named]
    assert len(named) >= 9


def test_the_error_of_a_missing_key_and_the_form_say_where_the_key_is_found() -> None:
    with pytest.raises(ImageKitConfigurationError, match="dashboard shows it under Developer options"):
        read(password="")
    placeholder = CONNECTION_TYPE["ui-field-behaviour"]["placeholders"]["password"]
    assert "Developer options" in placeholder
    assert "Developer options" in (Path(__file__).parents[2] / "docs" / "connection.md").read_text("utf-8")


def test_a_password_of_another_service_is_not_sent_to_imagekit() -> None:
    with pytest.raises(ImageKitConfigurationError, match=r"has the type 'http'.*type imagekit") as caught:
        read(conn_type="http", password="their-secret")
    assert "their-secret" not in str(caught.value)
    assert read(conn_type="http").private_key == KEY


def test_an_unknown_extra_field_is_named_with_the_nearest_known_one() -> None:
    [warning] = unknown_fields({"request_per_second": 5, "timeout": 3})
    assert "'request_per_second' is unknown" in warning
    assert warning.endswith("Did you mean requests_per_second?")
    assert unknown_fields({"headers": {}}) == ["The extra field 'headers' is unknown and is ignored."]
