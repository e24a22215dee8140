"""All URLs of a file are normalized to one asset URI."""

from __future__ import annotations

import warnings
from urllib.parse import quote, urlsplit, urlunsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.assets.factory import create_asset
from airflow_provider_imagekit.assets.uri import asset_uri, sanitize_uri
from airflow_provider_imagekit.compat import Asset
from airflow_provider_imagekit.exceptions import ImageKitInputError

NAMES = st.text("abcXYZ019-_äß %", min_size=1).filter(lambda name: name.strip(". "))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
STEPS = st.sampled_from(["tr:w-300", "tr:w-300,h-200:rt-90", "tr:n-thumbnail"])
PARAMETERS = st.lists(
    st.sampled_from(
        ["tr=w-300", "updatedAt=1704067200000", "ik-s=0f", "ik-t=9999999999", "ik-obj-version=7", "v=2"]
    ),
    unique=True,
)
ENDPOINTS = st.sampled_from(["https://ik.imagekit.io/demo", "http://IK.imagekit.io:80/demo", "demo"])


def sanitized(uri: str) -> str:
    return urlunsplit(sanitize_uri(urlsplit(uri)))


def spelled(endpoint: str, path: str, step: str, parameters: list[str]) -> str:
    """Return the asset form of one of a file's delivery URLs."""
    below = "/".join(filter(None, [step, quote(path)]))
    return f"imagekit://{endpoint.split('://')[-1]}/{below}?{'&'.join(parameters)}"


@given(path=PATHS, endpoint=ENDPOINTS, step=STEPS | st.just(""), parameters=PARAMETERS)
def test_equal_pictures_have_equal_uris(path: str, endpoint: str, step: str, parameters: list[str]) -> None:
    assert sanitized(spelled(endpoint, path, step, parameters)) == asset_uri("demo", path=path)


@given(first=PATHS, second=PATHS)
def test_different_files_have_different_uris(first: str, second: str) -> None:
    assert (asset_uri("demo", path=first) == asset_uri("demo", path=second)) == (first == second)


@given(
    host=st.sampled_from(["demo", "ik.imagekit.io", "images.example.com", "user:x@Images.Example.com:443"]),
    path=st.text(max_size=40) | st.lists(STEPS | NAMES | st.just("ik.imagekit.io")).map("/".join),
    query=st.text(max_size=20) | st.just("fileId=a b&tr=w-1"),
)
def test_a_normalized_uri_does_not_change(host: str, path: str, query: str) -> None:
    try:
        once = sanitized(f"imagekit://{host}/{path.lstrip('/')}?{query}")
    except ValueError:
        return
    assert sanitized(once) == once


@given(path=PATHS, step=STEPS, parameters=PARAMETERS)
def test_airflow_calls_it_for_each_asset(path: str, step: str, parameters: list[str]) -> None:
    uri = spelled("https://ik.imagekit.io/demo", path, step, parameters)
    assert Asset(uri).uri == asset_uri("demo", path=path)
    assert create_asset(account="demo", path=path).uri == asset_uri("demo", path=path)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("imagekit://demo/a/b.jpg", "imagekit://demo/a/b.jpg"),
        ("imagekit://ik.imagekit.io/demo/tr:w-1/a/b.jpg?updatedAt=1", "imagekit://demo/a/b.jpg"),
        ("imagekit://Images.Example.com/shop/tr:w-1/b.jpg", "imagekit://images.example.com/shop/b.jpg"),
        ("imagekit://127.0.0.1:8080/demo/b.jpg", "imagekit://127.0.0.1:8080/demo/b.jpg"),
        ("imagekit://demo/a//./c/../b.jpg", "imagekit://demo/a/b.jpg"),
        ("imagekit://demo/film.mp4/ik-thumbnail.jpg?tr=so-5", "imagekit://demo/film.mp4"),
        ("imagekit://demo/folder/ik-thumbnail.jpg", "imagekit://demo/folder/ik-thumbnail.jpg"),
        ("imagekit://demo", "imagekit://demo/"),
        ("imagekit://demo/?fileId=65f0", "imagekit://demo/?fileId=65f0"),
    ],
)
def test_each_form_of_a_url_is_normalized(uri: str, expected: str) -> None:
    assert sanitized(uri) == expected


@pytest.mark.parametrize("uri", ["imagekit:///a.jpg", "imagekit://ik.imagekit.io", "imagekit://a b/c.jpg"])
def test_a_url_without_an_account_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="ImageKit id"):
        sanitized(uri)


class TestFactory:
    def test_it_makes_assets_of_ids_folders_and_libraries(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert create_asset(account="demo", file_id="65f0").uri == "imagekit://demo/?fileId=65f0"
            folder = create_asset(account="https://ik.imagekit.io/demo/", path="/shop/", extra={"a": 1})
            assert (folder.uri, folder.extra) == ("imagekit://demo/shop", {"a": 1})
            assert create_asset(account="demo").uri == "imagekit://demo/"
            shoe = create_asset(url="https://ik.imagekit.io/demo/tr:w-9/shoe.jpg?ik-s=0123&ik-t=9")
            assert shoe.uri == "imagekit://demo/shoe.jpg"

    @pytest.mark.parametrize(
        "arguments",
        [
            {},
            {"path": "/a.jpg"},
            {"url": "https://ik.imagekit.io/demo/a.jpg", "account": "demo"},
            {"url": "https://ik.imagekit.io/demo/a.jpg", "file_id": "65f0"},
        ],
    )
    def test_it_refuses_arguments_without_one_account(self, arguments: dict[str, str]) -> None:
        with pytest.raises(ImageKitInputError, match="needs either account or url"):
            create_asset(**arguments)

    def test_an_error_about_a_url_does_not_show_its_signature(self) -> None:
        with pytest.raises(ImageKitInputError, match="there is no ImageKit id") as caught:
            create_asset(url="https://ik.imagekit.io/?ik-s=0123456789")
        assert "0123456789" not in str(caught.value)

    def test_it_refuses_both_arguments_and_an_invalid_account(self) -> None:
        with pytest.raises(ImageKitInputError, match="Both path and file_id"):
            create_asset(account="demo", path="/a.jpg", file_id="65f0")
        with pytest.raises(ImageKitInputError, match="account is 'a b'"):
            create_asset(account="a b")
