"""An S3-compatible server on 127.0.0.1 with one bucket."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError

from tests.support import free_port

__all__ = ["BUCKET", "ObjectStore", "object_store"]

BUCKET = "imagekit"
_REGION = "us-east-1"
_START_SECONDS = 60


class ObjectStore:
    """The running server."""

    def __init__(self) -> None:
        port = str(free_port())
        self.url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        keys = {"aws_access_key_id": "access", "aws_secret_access_key": "secret"}
        self.client: Any = boto3.client("s3", endpoint_url=self.url, region_name=_REGION, **keys)
        #: The Airflow Connection, as JSON.
        self.connection = json.dumps(
            {
                "conn_type": "aws",
                "login": "access",
                "password": "secret",
                "extra": {"endpoint_url": self.url, "region_name": _REGION},
            }
        )

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of the objects with a prefix."""
        listed = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"] for item in listed.get("Contents", ())]

    def put(self, key: str, body: bytes) -> None:
        """Write an object, as another machine does."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        """Read an object."""
        return bytes(self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def start(self) -> None:
        """Wait until the server responds and create the bucket."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(BotoCoreError):
                self.client.create_bucket(Bucket=BUCKET)
                return
            time.sleep(0.2)
        raise TimeoutError("The object store does not respond.")

    def stop(self) -> None:
        """Stop the server."""
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Run a server with an empty bucket."""
    store = ObjectStore()
    try:
        store.start()
        yield store
    finally:
        store.stop()
