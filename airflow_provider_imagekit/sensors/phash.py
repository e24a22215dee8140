"""The sensor that waits for a perceptual-hash distance."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_imagekit.client.endpoints import mask_signature
from airflow_provider_imagekit.compat import (
    AIRFLOW_3,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)
from airflow_provider_imagekit.exceptions import (
    ImageKitAuthError,
    ImageKitError,
    PHashMismatchError,
)
from airflow_provider_imagekit.gates.bank_files import load_bank
from airflow_provider_imagekit.gates.gate import GATE_ARGUMENTS, PHashGate
from airflow_provider_imagekit.gates.polling import Poll, poll, until_next_check
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.io.arguments import choice
from airflow_provider_imagekit.operators.base import ImageKitTask
from airflow_provider_imagekit.similarity.bank import MAX_MATCHES
from airflow_provider_imagekit.triggers.event import read_event
from airflow_provider_imagekit.triggers.phash import MIN_POKE_INTERVAL, PHashDistanceTrigger

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context

__all__ = ["MIN_RESCHEDULE_INTERVAL", "PHashDistanceSensor"]

# Airflow's name for "the deferral failed"; it has moved between versions, the value has not.
_DEFERRAL_FAILED = "__fail__"

# What Airflow 3 and Airflow 2 call a deferral whose time is over; older ones have no type for it.
_TIME_IS_OVER = ("Trigger timeout", "Trigger/execution timeout")

#: Fewest seconds between two checks in reschedule mode on Airflow 3: the process of a check can outlive it by
#: 5 seconds, and Airflow fails a task whose next check begins meanwhile (apache/airflow#71580).
MIN_RESCHEDULE_INTERVAL = 10.0

_ON_MISMATCH = ("wait", "fail", "skip")


class PHashDistanceSensor(ImageKitTask, BaseSensorOperator):
    """
    Wait until the distance of two pictures' perceptual hashes is within bounds.

    With ``max_distance`` that is a gate on similarity; with ``min_distance`` alone it waits until a picture
    was replaced by a different one; with both, for a band. Bounds are inclusive, in bits from 0 to 64: up to
    8 is the same picture re-encoded, resized or toned, unrelated pictures lie around 32.

    A file that does not exist yet, a rate limit, a server error or a lost connection means "not yet". A wrong
    key, a malformed request, or a file that has no pHash (a video) fails the task at once, with ``soft_fail``
    too: that skips only when the time is over. What can change is asked anew at each check, the reference
    included; pass its hash as ``reference_phash`` to spare that request. Literal hashes are decided at once,
    without a request.

    ``timeout`` is for the whole wait, and so is ``execution_timeout``, deferred or not; in reschedule mode
    Airflow takes that for each check.

    Held against many pictures (a list of hashes, or a bank: a file of them), the nearest decides: with
    ``max_distance`` a picture matches that is among them, with ``min_distance`` one that is not.

    :param file_id: id of the picture in the media library. (templated)
    :param url: delivery URL of the picture. (templated)
    :param phash: hash of the picture, 16 hexadecimal digits. (templated) Exactly one of these three.
    :param reference_file_id: id of the picture to compare with. (templated)
    :param reference_url: delivery URL of the picture to compare with. (templated)
    :param reference_phash: hash of the picture to compare with, or up to 1000 hashes: a list, or a text with
        commas. (templated)
    :param reference_bank: path of a file of hashes (``.jsonl``, ``.csv``, ``.parquet``) wherever
        ``ObjectStoragePath`` reaches; read anew when it has changed. (templated) Exactly one of these four.
    :param bank_id_column: column of the bank's names; ``fileId``, ``file_id`` or ``id`` unless given.
        (templated)
    :param bank_phash_column: column of the bank's hashes; ``pHash`` or ``phash`` unless given. (templated)
    :param max_distance: largest distance that matches, 0 to 64, or a level: ``identical`` (0), ``strict``
        (4), ``near_duplicate`` (8), ``review`` (12). (templated)
    :param min_distance: smallest distance that matches. (templated) At least one of the two is needed.
    :param low_information: hashes of flat pictures, which say nothing; zero is always one. (templated)
    :param max_matches: how many matches of a list or bank to name in XCom. (templated)
    :param on_mismatch: what a verdict that does not match does: ``wait`` for another, ``fail`` or ``skip`` at
        once; what is not there yet is waited for in any case. (templated)
    :param imagekit_conn_id: the :ref:`Airflow Connection <howto/connection:imagekit>`. (templated)
    :param deferrable: whether to wait in the triggerer; checks then come every 5 seconds at the oftenest.
    :return: as XCom ``{"matched": true, "distance": 3, "similarity": 0.953125, "phash": "…",
        "reference_phash": "…"}``, and each of these under its own key, too; with a list or bank also
        ``reference_id``, ``matches`` (``id``, ``phash``, ``distance``, nearest first) and ``match_count``.
    :raises ImageKitError: see :mod:`airflow_provider_imagekit.exceptions`; ``PHashMismatchError`` if literal
        hashes do not match, or with ``on_mismatch="fail"``.
    """

    _last_reason = ""
    _ends = math.inf

    label_arguments = ("file_id", "url", "phash")
    template_fields: Sequence[str] = (*GATE_ARGUMENTS, "on_mismatch", "imagekit_conn_id")

    def __init__(
        self,
        *,
        file_id: str | None = None,
        url: str | None = None,
        phash: str | None = None,
        reference_file_id: str | None = None,
        reference_url: str | None = None,
        reference_phash: str | Sequence[str] | None = None,
        reference_bank: str | None = None,
        bank_id_column: str | None = None,
        bank_phash_column: str | None = None,
        max_distance: int | str | None = None,
        min_distance: int | str | None = None,
        low_information: Sequence[str] | str = (),
        max_matches: int | str = MAX_MATCHES,
        on_mismatch: str = "wait",
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.file_id = file_id
        self.url = url
        self.phash = phash
        self.reference_file_id = reference_file_id
        self.reference_url = reference_url
        self.reference_phash = reference_phash
        self.reference_bank = reference_bank
        self.bank_id_column = bank_id_column
        self.bank_phash_column = bank_phash_column
        self.max_distance = max_distance
        self.min_distance = min_distance
        self.low_information = low_information
        self.max_matches = max_matches
        self.on_mismatch = on_mismatch
        self.imagekit_conn_id = imagekit_conn_id
        self.deferrable = deferrable

    def execute(self, context: Context) -> Any:  # noqa: RET503 - defer() does not return
        """Check once, then wait as the mode says."""
        self._label(context)
        gate = self._gate()
        if (
            not self.reschedule
        ):  # then each check is a process of its own, which does not know when the wait began
            self._ends = time.monotonic() + self.timeout
        self.log.info("Waiting for: %s", mask_signature(str(gate)))
        if gate.fixed:
            return self._decide(gate)
        if not self.deferrable:
            self._keep_checks_apart()
            return self._wait_here(context)
        found = self._first_check(gate)
        if found is not None and found.matched:
            return found.value
        longest, now = self._longest_wait(context), time.time()
        self.defer(
            trigger=PHashDistanceTrigger(
                imagekit_conn_id=self.imagekit_conn_id,
                poke_interval=self.poke_interval,
                exponential_backoff=self.exponential_backoff,
                max_wait=self.max_wait.total_seconds() if self.max_wait else None,
                silent_fail=self.silent_fail,
                stop_on_mismatch=self._stop_on_mismatch,
                deadline=now + longest.total_seconds(),
                next_check=now + max(self.poke_interval, MIN_POKE_INTERVAL),
                **gate.arguments(),
            ),
            method_name="execute_complete",
            timeout=longest,
        )

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        """Check once."""
        try:
            found = self._check(self._gate())
        except PHashMismatchError as error:
            self._fail(error)
        return PokeReturnValue(is_done=found.matched, xcom_value=found.value)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:  # noqa: ARG002
        """Return what the trigger found, or raise what it met."""
        try:
            return read_event(event)
        except TimeoutError as reason:
            self._time_is_over(str(reason))
        except ImageKitError as error:
            self._fail(error)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:  # noqa: RET503
        """
        Resume after the deferral, on every Airflow version with the outcome that the other modes have.

        ``soft_fail`` skips when the ``timeout`` is over. Airflow's own method would skip after a crashed
        trigger, too, Airflow 2 would retry after a timeout, and ``never_fail`` would skip after one.
        """
        self._label(context)
        if next_method != _DEFERRAL_FAILED:
            return getattr(self, next_method)(context, **(next_kwargs or {}))
        reason = (next_kwargs or {}).get("error", "unknown")
        reason = str(getattr(reason, "value", reason))
        if reason not in _TIME_IS_OVER:
            for line in (next_kwargs or {}).get("traceback") or ():
                self.log.error("%s", line.rstrip())
            self._fail(ImageKitError(f"The trigger failed: {reason}"))
        self._time_is_over()

    def _time_is_over(self, reason: str = "") -> NoReturn:
        found = f" The last check: {reason}" if reason else ""
        if self.execution_timeout and self.execution_timeout <= timedelta(seconds=self.timeout):
            raise AirflowTaskTimeout(f"The execution_timeout of {self.execution_timeout} is over.{found}")
        message = f"Sensor has timed out; the specified timeout is {self.timeout:g} s.{found}"
        if self.soft_fail:
            raise AirflowSkipException(message)
        raise AirflowSensorTimeout(message)

    def _wait_here(self, context: Context) -> Any:
        """Wait in Airflow's own loop, and repeat the last reason when the time is over."""
        try:
            return super().execute(context)
        except AirflowSensorTimeout as error:
            if not self._last_reason:
                raise
            raise AirflowSensorTimeout(f"{error} The last check: {self._last_reason}") from error

    def _keep_checks_apart(self) -> None:
        if AIRFLOW_3 and self.reschedule and self.poke_interval < MIN_RESCHEDULE_INTERVAL:
            self.log.warning(
                "poke_interval is %g s; in reschedule mode Airflow 3 can fail a task whose checks are "
                "less than %g s apart, so %g s is used.",
                self.poke_interval,
                MIN_RESCHEDULE_INTERVAL,
                MIN_RESCHEDULE_INTERVAL,
            )
            self.poke_interval = MIN_RESCHEDULE_INTERVAL
            if self.max_wait is not None:
                self.max_wait = max(self.max_wait, timedelta(seconds=MIN_RESCHEDULE_INTERVAL))

    def _longest_wait(self, context: Context) -> timedelta:
        """
        Return how long the task may be deferred.

        Its waiting counts for its ``execution_timeout``, says Airflow's documentation. Airflow 2 sees to that
        by itself, Airflow 3 does not (apache/airflow#69678).
        """
        timeout = timedelta(seconds=self.timeout)
        if not self.execution_timeout:
            return timeout
        left = context["ti"].start_date + self.execution_timeout - datetime.now(UTC)
        return max(min(timeout, left), timedelta(0))

    def _gate(self) -> PHashGate:
        self.on_mismatch = choice(self.on_mismatch, "on_mismatch", _ON_MISMATCH)
        return PHashGate.parse(**{name: getattr(self, name) for name in GATE_ARGUMENTS})

    @property
    def _stop_on_mismatch(self) -> bool:
        return self.on_mismatch != "wait"

    def _decide(self, gate: PHashGate) -> dict[str, Any]:
        verdict = gate.check(self.hook.get_phash)
        self.log.info("%s", verdict.reason)
        if not verdict.matched:
            help_text = "The hashes are literal, so waiting would not change it."
            self._fail(PHashMismatchError(verdict.reason, help=help_text))
        return verdict.as_xcom()

    def _first_check(self, gate: PHashGate) -> Poll | None:
        try:
            return self._check(gate)
        except ImageKitError as error:
            if not self.silent_fail:
                self._fail(error)
            self.log.error("The check failed: %s", error)
            return None

    def _check(self, gate: PHashGate) -> Poll:
        client = self.hook.get_conn()
        check = partial(poll, gate, load_bank=load_bank, stop_on_mismatch=self._stop_on_mismatch)
        try:
            found = check(client)
        except ImageKitAuthError:
            # The key may have been rotated while we waited: one more look at the Airflow Connection.
            renewed = self.hook.get_conn(refresh=True)
            if renewed is client:
                raise
            found = check(renewed)
        self._last_reason = found.reason
        self.log.info("%s%s", found.reason, "" if found.matched else self._next_check())
        return found

    def _next_check(self) -> str:
        if self.exponential_backoff:
            return ""
        interval = max(self.poke_interval, MIN_POKE_INTERVAL) if self.deferrable else self.poke_interval
        return f" {until_next_check(interval, self._ends - time.monotonic())}"

    def _fail(self, error: ImageKitError) -> NoReturn:
        if isinstance(error, PHashMismatchError) and self.on_mismatch == "skip":
            raise AirflowSkipException(str(error)) from error
        if self.never_fail:
            raise AirflowSkipException("Skipping due to never_fail is set to True.") from error
        raise error
