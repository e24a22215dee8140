from __future__ import annotations

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
def test_where_a_browser_finds_a_file(path: str, url: str) -> None:
    assert browser_url(path) == url
