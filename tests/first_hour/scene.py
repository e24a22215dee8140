"""Runs a task with a mistake as Airflow would, and reports how it ends."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.compat import (
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitError
from tests import pictures
from tests.doubles import context
from tests.support import AIRFLOW_3

FAILS_AT_ONCE = "fails at once"  # whatever the task's retries
FAILS, RETRIES, SKIPS, WAITS, WARNS = "fails", "may succeed on another try", "skips", "waits", "warns"


@dataclass(frozen=True)
class Scene:
    """The environment of a mistake: a local ImageKit account and an output folder."""

    imagekit: ImageKitEmulator
    folder: Path

    @property
    def file_id(self) -> str:
        return self.imagekit.file_id(pictures.ORIGINAL)

    @property
    def url(self) -> str:
        return self.imagekit.file_url(pictures.ORIGINAL)

    def path(self, name: str, text: str | None = None) -> str:
        """Return a path in the folder; with a text, write the file."""
        path = self.folder / name
        if text is not None:
            path.write_text(text, "utf-8")
        return str(path)


@dataclass(frozen=True)
class Mistake:
    """
    A user's mistake, and the expected message.

    :param task: creates the operator or sensor.
    :param says: parts of the message: the argument, the value, the way out.
    :param ends: how the task ends.
    :param requests: number of requests that it sends.
    """

    task: Callable[[Scene], Any]
    says: tuple[str, ...]
    ends: str = FAILS_AT_ONCE
    requests: int = 0


def ended(task: Any, printed: pytest.CaptureFixture[str], log: pytest.LogCaptureFixture) -> tuple[str, str]:
    """Run a task; return how it ended, and the message for the user: the error, else the warnings."""
    printed.readouterr()
    try:
        task.execute(context())
    except AirflowFailException as error:
        return FAILS_AT_ONCE, shown(error)
    except AirflowSensorTimeout as error:
        return WAITS, shown(error)
    except AirflowSkipException as error:
        return SKIPS, str(error)
    except AirflowNotFoundException as error:
        return RETRIES, shown(error)
    except ImageKitError as error:
        return RETRIES if error.retryable else FAILS, shown(error)
    return WARNS, "\n".join(warnings_of(printed, log))


def warnings_of(printed: pytest.CaptureFixture[str], log: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings of a task: Airflow 3 prints them, Airflow 2 logs them."""
    lines = log.text.splitlines()
    if AIRFLOW_3:
        lines += printed.readouterr().out.splitlines()
    return [line for line in lines if re.search(r"\bwarning", line.lower())]


def shown(error: Exception) -> str:
    """Return the text of an error, and check that it logs a single traceback."""
    text = "".join(traceback.format_exception(error))
    assert text.count("Traceback (most recent call last)") == 1, text
    return str(error)
