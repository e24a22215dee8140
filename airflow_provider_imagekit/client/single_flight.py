"""Identical calls that are under way at the same time are made once."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future
from typing import Any

from airflow_provider_imagekit.exceptions import ImageKitError

__all__ = ["SingleFlight"]


class SingleFlight:
    """Gives to those who ask for the same at the same time one answer; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[Hashable, Future[Any]] = {}

    def share(self, key: Hashable, call: Callable[[], Any]) -> Any:
        """
        Make a call, or wait for the same call of another thread.

        :param key: what makes two calls the same.
        :param call: asks; it ends in a bounded time.
        :return: what the call returned; a copy, except for the one who made it.
        :raises ImageKitError: what the call raised.
        """
        while True:
            with self._lock:
                theirs = self._calls.get(key)
                mine = self._calls[key] = theirs or Future()
            if theirs is None:
                return self._make(key, call, mine)
            try:
                return copy.deepcopy(theirs.result())
            except ImageKitError as error:
                raise copy.copy(error) from None
            except CancelledError:
                continue

    def _make(self, key: Hashable, call: Callable[[], Any], future: Future[Any]) -> Any:
        try:
            answer = call()
        except ImageKitError as error:
            self._forget(key)
            future.set_exception(error)
            raise
        except BaseException:
            # It concerns this caller alone, such as the end of its task: the others ask for themselves.
            self._forget(key)
            future.cancel()
            raise
        self._forget(key)
        future.set_result(answer)
        return answer

    def _forget(self, key: Hashable) -> None:
        with self._lock:
            del self._calls[key]
