"""Operators that decide once on the similarity of a picture, to follow a branch or to short-circuit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.arguments import choice, flag, is_absent, texts
from airflow_provider_imagekit.compat import AIRFLOW_3, BranchMixIn, SkipMixin
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.base import skip_in_mapped_group
from airflow_provider_imagekit.operators.base_gate import PHashGateOperator
from airflow_provider_imagekit.operators.branching import check_task_ids, take_branch
from airflow_provider_imagekit.similarity.bank import MAX_MATCHES
from airflow_provider_imagekit.similarity.verdict import Decision

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context

__all__ = ["PHashBranchOperator", "PHashShortCircuitOperator"]

_CONTINUE_IF = (Decision.SIMILAR, Decision.DIFFERENT)
_ON_UNDECIDABLE = ("skip", "continue", "fail")


class PHashBranchOperator(PHashGateOperator, BranchMixIn):
    """
    Follow one of three branches: the picture is similar, different, or undecidable.

    The operator compares the picture with one other picture or with many, and decides once, without waiting.
    Pictures without a pHash (videos, some vector files), black and transparent pictures, and pictures whose
    hash is in ``low_information`` are undecidable. The events of outlet assets contain the XCom, ``file_id``
    or ``url``, and the ``version_id`` of a file.

    :param follow_task_ids_if_similar: tasks or task groups to run if the distance is at most
        ``max_distance``: one id, a list, or an empty list for none. (templated)
    :param follow_task_ids_if_different: likewise, if the distance is larger. (templated)
    :param follow_task_ids_if_undecidable: likewise, if the picture is undecidable; by default the task fails
        in this case. (templated)
    :param file_id: id of the picture in the media library. (templated)
    :param url: delivery URL of the picture. (templated)
    :param phash: hash of the picture. (templated) Exactly one of these three is required.
    :param reference_file_id: id of the picture to compare with. (templated)
    :param reference_url: delivery URL of the picture to compare with. (templated)
    :param reference_phash: hash of the picture to compare with, or up to 1000 hashes. (templated)
    :param reference_bank: path of a bank, which is a file of hashes (``.jsonl``, ``.csv``, ``.parquet``), in
        any storage that ``ObjectStoragePath`` supports. (templated) Exactly one of these four is required.
    :param bank_id_column: column of the bank's ids; by default ``fileId``, ``file_id`` or ``id``. (templated)
    :param bank_phash_column: column of the bank's hashes; by default ``pHash`` or ``phash``. (templated)
    :param max_distance: maximum distance of a similar picture in bits, 0 to 16, or a level: ``identical``
        (0), ``strict`` (4), ``near_duplicate`` (8, the default), ``review`` (12). (templated)
    :param low_information: hashes of flat pictures, which are undecidable; the zero hash is always one of
        them. (templated)
    :param max_matches: maximum matches from a list or bank to include in XCom; by default 100. (templated)
    :param force: whether to accept a ``max_distance`` above 16, where unrelated pictures match; by default
        false. (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request; by default the Connection's ``max_retries``.
        (templated)
    :param max_calls: maximum requests in one task try, retries of requests included. One more request fails
        the task without another try. By default unlimited. (templated)
    :return: ``decision`` (``similar``, ``different``, ``undecidable``), ``branch`` (the ids to follow), and
        the verdict in the form of :class:`~airflow_provider_imagekit.sensors.phash.PHashDistanceSensor`.
    :raises AirflowFailException: for an error that a retry cannot fix.
    :raises ImageKitError: for any other error.
    """

    template_fields: Sequence[str] = (
        *PHashGateOperator.template_fields,
        "follow_task_ids_if_similar",
        "follow_task_ids_if_different",
        "follow_task_ids_if_undecidable",
    )

    def __init__(
        self,
        *,
        follow_task_ids_if_similar: str | Sequence[str],
        follow_task_ids_if_different: str | Sequence[str],
        follow_task_ids_if_undecidable: str | Sequence[str] | None = None,
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
        super().__init__(
            file_id=file_id,
            url=url,
            phash=phash,
            reference_file_id=reference_file_id,
            reference_url=reference_url,
            reference_phash=reference_phash,
            reference_bank=reference_bank,
            bank_id_column=bank_id_column,
            bank_phash_column=bank_phash_column,
            max_distance=max_distance,
            low_information=low_information,
            max_matches=max_matches,
            force=force,
            imagekit_conn_id=imagekit_conn_id,
            request_timeout=request_timeout,
            max_retries=max_retries,
            max_calls=max_calls,
            multiple_outputs=multiple_outputs,
            **kwargs,
        )
        self.follow_task_ids_if_similar = follow_task_ids_if_similar
        self.follow_task_ids_if_different = follow_task_ids_if_different
        self.follow_task_ids_if_undecidable = follow_task_ids_if_undecidable

    def _check_arguments(self, context: Context) -> None:
        for decision in Decision:
            name = f"follow_task_ids_if_{decision}"
            ids = getattr(self, name)
            if ids is None and decision is Decision.UNDECIDABLE:
                continue
            if is_absent(ids):
                raise ImageKitInputError(
                    f"{name} is {ids!r}: the template gave None.",
                    help="Pass a task id or a list of task ids; with an empty list no task runs.",
                )
            setattr(self, name, texts(ids, name))
        arguments = (f"follow_task_ids_if_{decision}" for decision in Decision)
        check_task_ids(context, {name: getattr(self, name) for name in arguments})

    def _outcome(self, decision: Decision, reason: str) -> dict[str, Any]:
        ids = getattr(self, f"follow_task_ids_if_{decision}")
        if ids is None:
            raise ImageKitInputError(
                reason, help="Pass follow_task_ids_if_undecidable to follow a branch instead of failing."
            )
        return {"branch": list(ids)}

    def _act(self, context: Context, value: dict[str, Any]) -> None:
        take_branch(self, context, value["branch"])


class PHashShortCircuitOperator(PHashGateOperator, SkipMixin):
    """
    Continue only if a picture is similar to another one (or to one of many), or only if it is different.

    The operator decides once, without waiting, and otherwise skips its downstream tasks.
    ``continue_if="different"`` with a bank of banned pictures continues for pictures that are not in the
    bank. The events of outlet assets contain the XCom (``continued`` included), ``file_id`` or ``url``, and
    the ``version_id`` of a file.

    :param continue_if: ``similar`` (the default) or ``different``. (templated)
    :param on_undecidable: how to handle pictures without a pHash, black and transparent pictures, and
        pictures whose hash is in ``low_information``: ``skip`` the downstream tasks (the default),
        ``continue``, or ``fail``. (templated)
    :param ignore_downstream_trigger_rules: whether to skip all downstream tasks (the default), as Airflow's
        ``ShortCircuitOperator`` does. If false, only the direct downstream tasks are skipped, and the trigger
        rules decide on the others. (templated)
    :param file_id: id of the picture in the media library. (templated)
    :param url: delivery URL of the picture. (templated)
    :param phash: hash of the picture. (templated) Exactly one of these three is required.
    :param reference_file_id: id of the picture to compare with. (templated)
    :param reference_url: delivery URL of the picture to compare with. (templated)
    :param reference_phash: hash of the picture to compare with, or up to 1000 hashes. (templated)
    :param reference_bank: path of a bank, as for :class:`PHashBranchOperator`. (templated) Exactly one of
        these four is required.
    :param bank_id_column: column of the bank's ids; by default ``fileId``, ``file_id`` or ``id``. (templated)
    :param bank_phash_column: column of the bank's hashes; by default ``pHash`` or ``phash``. (templated)
    :param max_distance: maximum distance of a similar picture in bits, 0 to 16, or a level; by default
        ``near_duplicate`` (8). (templated)
    :param low_information: hashes of flat pictures, which are undecidable; the zero hash is always one of
        them. (templated)
    :param max_matches: maximum matches from a list or bank to include in XCom; by default 100. (templated)
    :param force: whether to accept a ``max_distance`` above 16, where unrelated pictures match; by default
        false. (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request; by default the Connection's ``max_retries``.
        (templated)
    :param max_calls: maximum requests in one task try, retries of requests included. One more request fails
        the task without another try. By default unlimited. (templated)
    :return: ``decision``, ``continued`` (whether the downstream tasks run), and the verdict in the form of
        :class:`PHashBranchOperator`.
    :raises AirflowFailException: for an error that a retry cannot fix.
    :raises ImageKitError: for any other error.
    """

    template_fields: Sequence[str] = (
        *PHashGateOperator.template_fields,
        "continue_if",
        "on_undecidable",
        "ignore_downstream_trigger_rules",
    )

    def __init__(
        self,
        *,
        continue_if: str = Decision.SIMILAR.value,
        on_undecidable: str = "skip",
        ignore_downstream_trigger_rules: bool | str = True,
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
        super().__init__(
            file_id=file_id,
            url=url,
            phash=phash,
            reference_file_id=reference_file_id,
            reference_url=reference_url,
            reference_phash=reference_phash,
            reference_bank=reference_bank,
            bank_id_column=bank_id_column,
            bank_phash_column=bank_phash_column,
            max_distance=max_distance,
            low_information=low_information,
            max_matches=max_matches,
            force=force,
            imagekit_conn_id=imagekit_conn_id,
            request_timeout=request_timeout,
            max_retries=max_retries,
            max_calls=max_calls,
            multiple_outputs=multiple_outputs,
            **kwargs,
        )
        self.continue_if = continue_if
        self.on_undecidable = on_undecidable
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    def _check_arguments(self, context: Context) -> None:  # noqa: ARG002 - used by the other operator
        for name, choices in (("continue_if", _CONTINUE_IF), ("on_undecidable", _ON_UNDECIDABLE)):
            setattr(self, name, choice(getattr(self, name), name, choices))
        flag(self.ignore_downstream_trigger_rules, "ignore_downstream_trigger_rules")

    def _outcome(self, decision: Decision, reason: str) -> dict[str, Any]:
        if decision is not Decision.UNDECIDABLE:
            return {"continued": decision == self.continue_if}
        if self.on_undecidable == "fail":
            raise ImageKitInputError(
                reason, help="Set on_undecidable to skip or continue instead of failing."
            )
        return {"continued": self.on_undecidable == "continue"}

    def _act(self, context: Context, value: dict[str, Any]) -> None:
        if value["continued"]:
            return
        task = context["task"]
        downstream = (
            task.get_flat_relatives(upstream=False)
            if flag(self.ignore_downstream_trigger_rules, "ignore_downstream_trigger_rules")
            else task.get_direct_relatives(upstream=False)
        )
        tasks = [relative for relative in downstream if not relative.is_teardown]
        if not tasks:
            return
        if AIRFLOW_3:
            self.skip(ti=context["ti"], tasks=tasks)
            skip_in_mapped_group(context, lambda: tasks)
        else:
            dag_run: Any = context["dag_run"]
            self.skip(  # type: ignore[call-arg]
                dag_run=dag_run,
                execution_date=dag_run.execution_date,
                tasks=tasks,
                map_index=context["ti"].map_index,
            )
