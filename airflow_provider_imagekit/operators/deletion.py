"""The operator that deletes files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.arguments import flag, whole_number
from airflow_provider_imagekit.client.changes import MAX_DELETED_FILES
from airflow_provider_imagekit.client.writes import FILE_IS_MISSING
from airflow_provider_imagekit.exceptions import ImageKitInputError, TooManyFailedFilesError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.io.progress import counted
from airflow_provider_imagekit.operators.base import CONNECTION_ARGUMENTS, fail_without_retry
from airflow_provider_imagekit.operators.base_write import WritingOperator, file_ids_of

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context

__all__ = ["DeleteFilesOperator"]


class DeleteFilesOperator(WritingOperator):
    """
    Delete files of the media library permanently, with all of their versions.

    The operator accepts only ids, not a search or a folder, and deletes only with ``confirm``. A file that
    does not exist counts as deleted, so that the next try of a killed task succeeds.

    :param file_ids: ids of the files, or records with ``fileId``: one, a list, or a comma-separated text.
        (templated)
    :param confirm: must be true, otherwise the task fails and nothing is deleted; by default false.
        (templated)
    :param max_files: maximum files; more fail the task before anything is deleted. By default 100.
        (templated)
    :param dry_run: whether to log the plan and delete nothing, by default false; does not require
        ``confirm``. (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request; by default the Connection's ``max_retries``.
        (templated)
    :param max_calls: maximum requests in one task try, retries of requests included. One more request fails
        the task without another try. By default unlimited. (templated)
    :return: ``dry_run``, ``files`` (rows with ``file_id``, ``status``, ``error``; ``status`` is ``deleted``,
        ``missing``, ``failed``, or ``planned`` in a dry run).
    :raises AirflowFailException: for an error that a retry cannot fix.
    :raises TooManyFailedFilesError: if ImageKit could not delete a file; the others are deleted.
    :raises ImageKitError: for any other error.
    """

    template_fields: Sequence[str] = ("file_ids", "confirm", "max_files", "dry_run", *CONNECTION_ARGUMENTS)
    label_arguments = ("file_ids",)

    def __init__(
        self,
        *,
        file_ids: Sequence[Any] | str,
        confirm: bool | str = False,
        max_files: int | str = 100,
        dry_run: bool | str = False,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.file_ids = file_ids
        self.confirm = confirm
        self.max_files = max_files
        self.dry_run = dry_run
        self.imagekit_conn_id = imagekit_conn_id
        self._limit_requests(request_timeout, max_retries, max_calls)

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete the files; see the class."""
        self._label(context)
        with fail_without_retry():
            ids = self._checked_ids()
            requests = -(-len(ids) // MAX_DELETED_FILES)
            how_many = f"{counted(len(ids), 'file')} permanently, with {counted(requests, 'request')}"
            if self._only_plan(f"Plan: delete {how_many}: {ids}."):
                return {"dry_run": True, "files": [_row(file_id, "planned") for file_id in ids]}
            self._check_confirmed(len(ids))
            rows = self._deleted(ids)
        self._add_asset_event_extra(context, {"deleted": sum(row["status"] == "deleted" for row in rows)})
        return {"dry_run": False, "files": rows}

    def _checked_ids(self) -> list[str]:
        self._refuse_nothing(["file_ids"], ["file_ids"])
        ids = file_ids_of(self.file_ids, "file_ids")
        maximum = whole_number(self.max_files, "max_files", least=1)
        if len(ids) > maximum:
            raise ImageKitInputError(
                f"file_ids has {counted(len(ids), 'file')}; max_files allows {maximum:,}.",
                help="Raise max_files to delete all of them.",
            )
        return ids

    def _check_confirmed(self, count: int) -> None:
        if not flag(self.confirm, "confirm"):
            raise ImageKitInputError(
                f"{counted(count, 'file')} would be deleted permanently, and confirm is not true.",
                help="Set confirm=True, or dry_run=True to see the plan.",
            )

    def _deleted(self, ids: list[str]) -> list[dict[str, Any]]:
        errors = self.hook.delete_files(ids)
        rows = [_row(file_id, _status(errors.get(file_id)), errors.get(file_id)) for file_id in ids]
        self.log.info(
            "Deleted %d of %s.", sum(row["status"] == "deleted" for row in rows), counted(len(ids), "file")
        )
        if failed := [row for row in rows if row["status"] == "failed"]:
            first = f"{failed[0]['file_id']}: {failed[0]['error']}"
            raise TooManyFailedFilesError(
                f"{len(failed):,} of {counted(len(ids), 'file')} could not be deleted. {first}",
                help="The others are deleted.",
            )
        return rows


def _status(error: str | None) -> str:
    if error is None:
        return "deleted"
    return "missing" if error == FILE_IS_MISSING else "failed"


def _row(file_id: str, status: str, error: str | None = None) -> dict[str, Any]:
    return {"file_id": file_id, "status": status, "error": error}
