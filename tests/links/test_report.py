from __future__ import annotations

import json

import pytest

from airflow_provider_imagekit.links.imagekit import browser_url


@pytest.mark.parametrize(
    ("path", "url"),
    [
        (
            "s3://aws_default@bucket/dedup/groups of today.html",
            "https://console.aws.amazon.com/s3/object/bucket?prefix=dedup/groups%20of%20today.html",
        ),
        ("gs://bucket/groups.html", "https://storage.cloud.google.com/bucket/groups.html"),
        ("https://reports.example/groups.html", "https://reports.example/groups.html"),
        ("/srv/dedup/groups.html", ""),
        ("file:///srv/groups.html", ""),
        ("relative/groups.html", ""),
        ("abfs://container/groups.html", ""),
    ],
)
def test_the_browser_address_of_a_file_follows_from_its_path(path: str, url: str) -> None:
    assert browser_url(path) == url


SERVED = {
    "/srv/reports": "http://127.0.0.1:8123/",
    "file:///srv/reports/private/": "https://private.example",
    "s3://aws_default@bucket/dedup": "https://reports.example/dedup",
    "abfs://container": "https://azure.example",
}


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/srv/reports/groups.html", "http://127.0.0.1:8123/groups.html"),
        ("file:///srv/reports/groups.html", "http://127.0.0.1:8123/groups.html"),
        (
            "/srv/reports/manual__2026-01-01T00:00:00+00:00/groups.html",
            "http://127.0.0.1:8123/manual__2026-01-01T00%3A00%3A00%2B00%3A00/groups.html",
        ),
        ("/srv/reports/private/groups.html", "https://private.example/groups.html"),
        ("s3://other@bucket/dedup/groups.html", "https://reports.example/dedup/groups.html"),
        ("abfs://container/a b.html", "https://azure.example/a%20b.html"),
        (
            "s3://bucket/deduplicated/groups.html",
            "https://console.aws.amazon.com/s3/object/bucket?prefix=dedup",
        ),
        ("/srv/reports-of-others/groups.html", ""),
        ("/srv/reports/../secret.html", ""),
    ],
)
def test_a_folder_that_is_served_makes_the_link(path: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__IMAGEKIT__REPORT_URLS", json.dumps(SERVED))
    assert browser_url(path).startswith(url)
    assert bool(browser_url(path)) is bool(url)


@pytest.mark.parametrize("given", ["/srv/reports", "[]", '{"/srv": "srv.example"}', '{"/srv": null}'])
def test_an_invalid_option_is_logged_and_makes_no_link(
    given: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW__IMAGEKIT__REPORT_URLS", given)
    assert browser_url("/srv/groups.html") == ""
    assert "report_urls in Airflow's section [imagekit] is" in caplog.text
    assert "JSON object" in caplog.text
