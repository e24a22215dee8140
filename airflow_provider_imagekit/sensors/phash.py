"""Sensor that waits until a perceptual-hash distance is within bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_imagekit.arguments import choice
from airflow_provider_imagekit.client.endpoints import mask_signature
from airflow_provider_imagekit.compat import AirflowSkipException, PokeReturnValue, conf
from airflow_provider_imagekit.exceptions import (
    ImageKitError,
    PHashMismatchError,
)
from airflow_provider_imagekit.gates.bank_files import load_bank
from airflow_provider_imagekit.gates.gate import GATE_ARGUMENTS, PHashGate
from airflow_provider_imagekit.gates.polling import Poll, poll
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.base import CONNECTION_ARGUMENTS, PICTURE_LINKS
from airflow_provider_imagekit.sensors.base import ImageKitSensor
from airflow_provider_imagekit.similarity.bank import MAX_MATCHES
from airflow_provider_imagekit.triggers.phash import PHashDistanceTrigger

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient
    from airflow_provider_imagekit.compat import Context

__all__ = ["PHashDistanceSensor"]

_ON_MISMATCH = ("wait", "fail", "skip")


class PHashDistanceSensor(ImageKitSensor):
    """
    Wait until the distance of two pictures' perceptual hashes is within bounds.

    With ``max_distance`` the sensor waits for a similar picture; with ``min_distance`` alone, until the
    picture is replaced by a different one; with both, for a distance in between. Bounds are inclusive, in
    bits from 0 to 64. Up to 8 bits is the same picture re-encoded, resized or toned; unrelated pictures
    differ by about 32 bits.

    A file that does not exist yet, a rate limit, a server error or a lost connection means "not yet". A wrong
    key, a malformed request, or a file without a pHash (a video) fails the task at once, even with
    ``soft_fail``, which skips only at the timeout. Each check requests every hash that can change, including
    the hash of the reference; pass ``reference_phash`` to save that request. Literal hashes are compared at
    once, without a request.

    The events of outlet assets contain the XCom, ``file_id`` or ``url``, and the ``version_id`` of a file.

    ``timeout`` and ``execution_timeout`` apply to the whole wait, deferred or not. In reschedule mode Airflow
    applies ``execution_timeout`` to each check.

    When the picture is compared with many (a list of hashes, or a bank, which is a file of hashes), the
    nearest one decides: ``max_distance`` matches a picture that is among them, ``min_distance`` one that is
    not.

    :param file_id: id of the picture in the media library. (templated)
    :param url: delivery URL of the picture. (templated)
    :param phash: hash of the picture, 16 hexadecimal digits. (templated) Exactly one of these three is
        required.
    :param reference_file_id: id of the picture to compare with. (templated)
    :param reference_url: delivery URL of the picture to compare with. (templated)
    :param reference_phash: hash of the picture to compare with, or up to 1000 hashes: a list, or a
        comma-separated text. (templated)
    :param reference_bank: path of a bank, which is a file of hashes (``.jsonl``, ``.csv``, ``.parquet``), in
        any storage that ``ObjectStoragePath`` supports; read again when it has changed. (templated) Exactly
        one of these four is required.
    :param bank_id_column: column of the bank's ids; by default ``fileId``, ``file_id`` or ``id``. (templated)
    :param bank_phash_column: column of the bank's hashes; by default ``pHash`` or ``phash``. (templated)
    :param max_distance: maximum distance that matches, 0 to 64 bits, or a level: ``identical`` (0),
        ``strict`` (4), ``near_duplicate`` (8), ``review`` (12). (templated)
    :param min_distance: minimum distance that matches, 0 to 64 bits, or a level. (templated) At least one of
        the two is required.
    :param low_information: hashes of flat pictures, which are undecidable; the zero hash is always one of
        them. (templated)
    :param max_matches: maximum matches from a list or bank to include in XCom; by default 100. (templated)
    :param on_mismatch: how to handle a distance outside the bounds: ``wait`` for another one (the default),
        ``fail`` or ``skip`` at once. The sensor waits for a missing file in any case. (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request, by default 2; a check retries for at most 5 seconds.
        (templated)
    :param max_calls: maximum requests in the whole wait (in reschedule mode, in one check), retries of
        requests included. One more request fails the task without another try. By default unlimited.
        (templated)
    :param deferrable: whether to wait in the triggerer, where checks are at least 5 seconds apart; by default
        Airflow's option ``[operators] default_deferrable``.
    :return: as XCom ``{"matched": true, "distance": 3, "similarity": 0.953125, "phash": "…",
        "reference_phash": "…"}``; with a list or bank also ``reference_id``, ``matches`` (``id``, ``phash``,
        ``distance``, nearest first) and ``match_count``. Each is also under its own XCom key.
    :raises ImageKitError: see :mod:`airflow_provider_imagekit.exceptions`; ``PHashMismatchError`` if literal
        hashes do not match, or with ``on_mismatch="fail"``.
    """

    label_arguments = ("file_id", "url", "phash")
    operator_extra_links = PICTURE_LINKS
    template_fields: Sequence[str] = (*GATE_ARGUMENTS, "on_mismatch", *CONNECTION_ARGUMENTS)

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
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            imagekit_conn_id=imagekit_conn_id,
            request_timeout=request_timeout,
            max_retries=max_retries,
            max_calls=max_calls,
            deferrable=deferrable,
            multiple_outputs=multiple_outputs,
            **kwargs,
        )
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

    def execute(self, context: Context) -> Any:
        """Check once, then wait in the configured mode."""
        self._label(context)
        gate = self._gate()
        self._persist_picture_links(context)
        found = self._wait(context, gate)
        self._add_picture_event_extra(context, found or {})
        return found

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Return the value of the trigger's event, or raise its error."""
        found = super().execute_complete(context, event)
        self._add_picture_event_extra(context, found)
        return found

    def _wait(self, context: Context, gate: PHashGate) -> Any:
        self.log.info("Waiting for: %s", mask_signature(str(gate)))
        if gate.fixed:
            return self._decide(gate)
        if not self.deferrable:
            return self._wait_here(context)
        return self._check_or_defer(
            context,
            self._checker(gate),
            PHashDistanceTrigger,
            stop_on_mismatch=self._stop_on_mismatch,
            **gate.arguments(),
        )

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        """Check once."""
        try:
            found = self._check(self._checker(self._gate()))
        except PHashMismatchError as error:
            self._fail(error)
        return PokeReturnValue(is_done=found.matched, xcom_value=found.value)

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
            help_text = "The hashes are literal, so waiting cannot change the result."
            self._fail(PHashMismatchError(verdict.reason, help=help_text))
        return verdict.as_xcom()

    def _checker(self, gate: PHashGate) -> Callable[[ImageKitClient], Poll]:
        return partial(poll, gate, load_bank=load_bank, stop_on_mismatch=self._stop_on_mismatch)

    def _fail(self, error: ImageKitError) -> NoReturn:
        if isinstance(error, PHashMismatchError) and self.on_mismatch == "skip":
            raise AirflowSkipException(str(error)) from error
        super()._fail(error)
