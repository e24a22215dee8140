"""Trigger that waits for a perceptual-hash distance."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.exceptions import ImageKitError
from airflow_provider_imagekit.gates.bank_files import aload_bank, load_bank
from airflow_provider_imagekit.gates.gate import GATE_ARGUMENTS, PHashGate
from airflow_provider_imagekit.gates.polling import Poll, look_up, not_yet, poll
from airflow_provider_imagekit.gates.references import BankFile
from airflow_provider_imagekit.triggers.base_polling import PollingTrigger
from airflow_provider_imagekit.triggers.lanes import lane_of

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient

__all__ = ["PHashDistanceTrigger"]


class PHashDistanceTrigger(PollingTrigger):
    """
    Check a perceptual-hash gate repeatedly, and fire when it matches or can no longer match.

    :param stop_on_mismatch: whether a verdict that does not match ends the wait with an error.
    :param arguments: arguments of
        :class:`~airflow_provider_imagekit.triggers.base_polling.PollingTrigger` and of
        :meth:`~airflow_provider_imagekit.gates.gate.PHashGate.parse`.
    """

    def __init__(self, *, stop_on_mismatch: bool = False, **arguments: Any) -> None:
        gate = {name: arguments.pop(name) for name in GATE_ARGUMENTS if name in arguments}
        super().__init__(**arguments)
        self.stop_on_mismatch = stop_on_mismatch
        self.gate = PHashGate.parse(**gate)

    def _arguments(self) -> dict[str, Any]:
        return {"stop_on_mismatch": self.stop_on_mismatch, **self.gate.arguments()}

    def _check_once(self, client: ImageKitClient) -> Poll:
        return poll(self.gate, client, load_bank, stop_on_mismatch=self.stop_on_mismatch)

    async def _check(self, client: ImageKitClient) -> Poll:
        reference = self.gate.reference
        if not isinstance(reference, BankFile):
            return await super()._check(client)
        # In separate steps, because a check that waits for a storage must not hold a slot of the account.
        in_lane = lane_of(client).run
        try:
            gate = await in_lane(functools.partial(look_up, self.gate, client))
            bank = await aload_bank(reference, gate.low_information)
        except ImageKitError as error:
            return not_yet(error)
        check = functools.partial(poll, gate, client, stop_on_mismatch=self.stop_on_mismatch)
        return await in_lane(functools.partial(check, load_bank=lambda *_: bank))
