"""Sensor that waits for new or changed files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.arguments import choice, is_absent, optional_text, refuse_nothing, texts
from airflow_provider_imagekit.compat import PokeReturnValue, conf
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.library.arrivals import CHANGED, NEW, iso
from airflow_provider_imagekit.library.watch import FILE_TYPES, Selection
from airflow_provider_imagekit.operators.base import CONNECTION_ARGUMENTS, LIBRARY_LINKS
from airflow_provider_imagekit.operators.time_window import moment_of
from airflow_provider_imagekit.sensors.base import ImageKitSensor
from airflow_provider_imagekit.triggers.new_files import NewFilesTrigger, check_for_files

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient
    from airflow_provider_imagekit.compat import Context
    from airflow_provider_imagekit.gates.polling import Poll

__all__ = ["NewFilesSensor"]

_KINDS = (NEW, CHANGED)
_FILTERS = ("search_query", "path", "file_type", "updated_after")


class NewFilesSensor(ImageKitSensor):
    """
    Wait until a folder or a search has files that were created or changed since a given time.

    A rate limit, a server error or a lost connection means "not yet". A wrong key or a malformed search fails
    the task at once. A check costs one request while there are fewer than 1,000 such files.

    :param search_query: query in ImageKit's search language, such as ``tags IN ["review"]``; by default all
        files. (templated)
    :param path: a folder, without its subfolders; by default all folders. (templated)
    :param file_type: ``all`` (the default), ``image`` or ``non-image``. (templated)
    :param kinds: ``new``, ``changed`` or both (the default); new tags and other details are changes, too.
        (templated)
    :param updated_after: start time, inclusive: a datetime, or an ISO 8601 text. A value without a time zone
        is in the DAG's time zone. By default the start of the DAG run. (templated)
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
    :return: as XCom ``from`` and ``to`` (first and last ``updatedAt``), ``count``, ``new``, ``changed``,
        ``deleted`` (0), and ``files``, the first 20 with ``kind``, ``fileId``, ``versionId`` and
        ``filePath``. Each is also under its own XCom key.
    :raises ImageKitError: see :mod:`airflow_provider_imagekit.exceptions`.
    """

    label_arguments = ("search_query", "path")
    operator_extra_links = LIBRARY_LINKS
    template_fields: Sequence[str] = (
        "search_query",
        "path",
        "file_type",
        "kinds",
        "updated_after",
        *CONNECTION_ARGUMENTS,
    )

    def __init__(
        self,
        *,
        search_query: str | None = None,
        path: str | None = None,
        file_type: str | None = None,
        kinds: Sequence[str] | str = _KINDS,
        updated_after: datetime | str | None = None,
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
        self.search_query = search_query
        self.path = path
        self.file_type = file_type
        self.kinds = kinds
        self.updated_after = updated_after
        self._named = tuple(name for name in _FILTERS if getattr(self, name) is not None)

    def execute(self, context: Context) -> Any:
        """Check once, then wait in the configured mode."""
        self._label(context)
        refuse_nothing({name: getattr(self, name) for name in _FILTERS}, self._named)
        since_ms = self._since_ms(context)
        self._persist_library_link(context)
        self.log.info("Waiting for files since %s.", iso(since_ms))
        if not self.deferrable:
            return self._wait_here(context)
        selection = self._selection()
        return self._check_or_defer(
            context,
            self._checker(since_ms),
            NewFilesTrigger,
            search_query=selection.search_query,
            path=selection.path,
            file_type=selection.file_type,
            kinds=self._kinds(),
            since_ms=since_ms,
        )

    def poke(self, context: Context) -> PokeReturnValue:
        """Check once."""
        found = self._check(self._checker(self._since_ms(context)))
        return PokeReturnValue(is_done=found.matched, xcom_value=found.value)

    def _checker(self, since_ms: int) -> Callable[[ImageKitClient], Poll]:
        return partial(check_for_files, selection=self._selection(), since_ms=since_ms, kinds=self._kinds())

    def _selection(self) -> Selection:
        file_type = None if is_absent(self.file_type) else choice(self.file_type, "file_type", FILE_TYPES)
        search_query = optional_text(self.search_query, "search_query")
        return Selection(search_query, optional_text(self.path, "path"), file_type)

    def _kinds(self) -> list[str]:
        kinds = [choice(kind, "kinds", _KINDS) for kind in texts(self.kinds, "kinds")]
        if not kinds:
            raise ImageKitInputError("kinds is empty.", help=f"Name some of {', '.join(_KINDS)}.")
        return kinds

    def _since_ms(self, context: Context) -> int:
        since = self.updated_after
        if is_absent(since):
            since = context["dag_run"].start_date
        return int(moment_of("updated_after", since, context).timestamp() * 1000)
