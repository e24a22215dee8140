"""Base of the operators that decide on the similarity of a picture: arguments, check and XCom."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.arguments import flag
from airflow_provider_imagekit.client.endpoints import mask_signature
from airflow_provider_imagekit.exceptions import MissingPHashError
from airflow_provider_imagekit.gates.bank_files import load_bank
from airflow_provider_imagekit.gates.gate import GATE_ARGUMENTS, PHashGate
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.base import (
    CONNECTION_ARGUMENTS,
    PICTURE_LINKS,
    ImageKitOperator,
    fail_without_retry,
)
from airflow_provider_imagekit.similarity.bank import MAX_MATCHES
from airflow_provider_imagekit.similarity.distance import check_radius

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context
    from airflow_provider_imagekit.phash import PHash
    from airflow_provider_imagekit.similarity.verdict import Decision

__all__ = ["PHashGateOperator"]


class PHashGateOperator(ImageKitOperator):
    """Decides once, without waiting. Subclasses act on the decision."""

    label_arguments = ("file_id", "url", "phash")
    operator_extra_links = PICTURE_LINKS
    # Airflow's scheduler reads this to decide whether to skip a cleared downstream task again.
    inherits_from_skipmixin = True

    template_fields: Sequence[str] = (
        *(name for name in GATE_ARGUMENTS if name != "min_distance"),
        "force",
        *CONNECTION_ARGUMENTS,
    )

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
        max_distance: int | str = "near_duplicate",
        low_information: Sequence[str] | str = (),
        max_matches: int | str = MAX_MATCHES,
        force: bool | str = False,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
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
        self.low_information = low_information
        self.max_matches = max_matches
        self.force = force
        self.imagekit_conn_id = imagekit_conn_id
        self._limit_requests(request_timeout, max_retries, max_calls)

    def execute(self, context: Context) -> dict[str, Any]:
        """Decide once; see the class."""
        self._label(context)
        with fail_without_retry():
            self._check_arguments(context)
            arguments = {name: getattr(self, name) for name in GATE_ARGUMENTS if name != "min_distance"}
            arguments["max_distance"] = check_radius(
                self.max_distance, "max_distance", force=flag(self.force, "force")
            )
            gate = PHashGate.parse(**arguments)
            self._persist_picture_links(context)
            self.log.info("Deciding on: %s", mask_signature(str(gate)))
            verdict = gate.check(self._get_phash, load_bank)
            self.log.info("%s: %s", verdict.decision, verdict.reason)
            value = {"decision": verdict.decision.value, **verdict.as_xcom()}
            value |= self._outcome(verdict.decision, verdict.reason)
        self._push(context, value)
        self._add_picture_event_extra(context, value)
        self._act(context, value)
        return value

    def _get_phash(self, **image: str) -> PHash | None:
        """Fetch a hash. A missing one makes the decision undecidable, so it is not an error here."""
        try:
            return self.hook.get_phash(**image)
        except MissingPHashError as error:
            self.log.info("%s", error)
            return None

    @abstractmethod
    def _check_arguments(self, context: Context) -> None:
        """Validate the subclass's own arguments."""

    @abstractmethod
    def _outcome(self, decision: Decision, reason: str) -> dict[str, Any]:
        """Return the XCom entries for the outcome of the decision, or raise."""

    @abstractmethod
    def _act(self, context: Context, value: dict[str, Any]) -> None:
        """Skip the tasks that are not to run."""
