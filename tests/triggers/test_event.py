from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_imagekit.exceptions import ImageKitAuthError, ImageKitError, ImageKitRateLimitError
from airflow_provider_imagekit.triggers.event import failed, matched, read_event


def sent(payload: dict[str, Any]) -> Any:
    return json.loads(json.dumps(payload, allow_nan=False))


def test_a_match_returns_its_value() -> None:
    assert read_event(sent(matched({"distance": 3}))) == {"distance": 3}


@pytest.mark.parametrize(
    "error",
    [
        ImageKitAuthError("No.", help="Mend it.", status=403, request_id="abc"),
        ImageKitRateLimitError("Slow.", status=429, reset_ms=250),
    ],
)
def test_an_error_is_raised_in_its_own_class_with_all_details(error: ImageKitError) -> None:
    with pytest.raises(type(error)) as caught:
        read_event(sent(failed(error)))
    assert type(caught.value) is type(error)
    assert caught.value.details() == error.details()


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        True,
        "matched",
        {"status": "done"},
        {"status": "failed"},
        {"status": "failed", "error": "OSError"},
    ],
)
def test_any_other_event_is_an_error(event: Any) -> None:
    with pytest.raises(ImageKitError, match="without a result"):
        read_event(event)
