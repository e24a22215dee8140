from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from airflow_provider_imagekit import exceptions
from airflow_provider_imagekit.exceptions import ImageKitError, ImageKitRateLimitError

CLASSES = [getattr(exceptions, name) for name in exceptions.__all__]


def made(cls: type[ImageKitError]) -> ImageKitError:
    extra: dict[str, Any] = {"reset_ms": 250} if cls is ImageKitRateLimitError else {}
    return cls("It broke.", help="Mend it.", status=418, reason="TEAPOT", request_id="abc", **extra)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_survives_pickling_with_its_attributes(cls: type[ImageKitError]) -> None:
    error = made(cls)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is cls
    assert copy.details() == error.details()
    assert str(copy) == str(error)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_can_be_rebuilt_from_its_details_as_json(cls: type[ImageKitError]) -> None:
    error = made(cls)
    copy = cls(**json.loads(json.dumps(error.details())))
    assert copy.details() == error.details()


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_derives_from_imagekit_error_and_not_from_airflow(cls: type[ImageKitError]) -> None:
    assert issubclass(cls, ImageKitError)
    assert not any(base.__module__.startswith("airflow.") for base in cls.__mro__)


def test_the_text_contains_message_help_and_request_id() -> None:
    assert str(made(ImageKitError)) == "HTTP 418: It broke. [TEAPOT] Mend it. (request id abc)"
    assert str(ImageKitError("It broke.")) == "It broke."
