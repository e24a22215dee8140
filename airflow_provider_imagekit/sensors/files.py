"""The sensor that waits for new files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.compat import PokeReturnValue, conf
from airflow_provider_imagekit.exceptions import ImageKitAuthError, ImageKitError, ImageKitInputError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.io.arguments import choice, is_absent, optional_text, refuse_nothing, texts
from airflow_provider_imagekit.library.arrivals import CHANGED, NEW, iso
from airflow_provider_imagekit.library.watch import FILE_TYPES, Selection
from airflow_provider_imagekit.operators.time_window import moment_of
from airflow_provider_imagekit.sensors.base import ImageKitSensor
from airflow_provider_imagekit.triggers.new_files import NewFilesTrigger, check_for_files
from airflow_provider_imagekit.triggers.phash import MIN_POKE_INTERVAL

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context
    from airflow_provider_imagekit.gates.polling import Poll

__all__ = ["NewFilesSensor"]

_KINDS = (NEW, CHANGED)


_FILTERS = ("search_query", "path", "file_type", "updated_after")


class NewFilesSensor(ImageKitSensor):
    """
    Wait until a folder or a search has files that are new or changed since a time.

    A rate limit, a server error or a lost connection means "not yet". A wrong key or a malformed search fails
    the task at once. A check costs one request while fewer than 1,000 files have come.

    :param search_query: ImageKit's search language, such as ``tags IN ["review"]``. Default: all files.
        (templated)
    :param path: a folder, without its subfolders. Default: all folders. (templated)
    :param file_type: ``all``, ``image`` or ``non-image``. Default: ``all``. (templated)
    :param kinds: which of ``new`` and ``changed`` count; new tags and other details are changes, too.
        Default: both. (templated)
    :param updated_after: since when, inclusive: a datetime, or a text in ISO 8601, which without a zone is in
        that of the DAG. Default: the start of the DAG run. (templated)
    :param imagekit_conn_id: the :ref:`Airflow Connection <howto/connection:imagekit>`. (templated)
    :param deferrable: whether to wait in the triggerer; checks then come every 5 seconds at the most.
        Default: Airflow's option ``default_deferrable``.
    :return: as XCom ``from`` and ``to`` (first and last ``updatedAt``), ``count``, ``new``, ``changed``,
        ``deleted`` (0), and ``files``, the first 20 with ``kind``, ``fileId``, ``versionId`` and
        ``filePath``; each of these under its own key, too.
    :raises ImageKitError: see :mod:`airflow_provider_imagekit.exceptions`.
    """

    label_arguments = ("search_query", "path")
    template_fields: Sequence[str] = (
        "search_query",
        "path",
        "file_type",
        "kinds",
        "updated_after",
        "imagekit_conn_id",
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
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            imagekit_conn_id=imagekit_conn_id,
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

    def execute(self, context: Context) -> Any:  # noqa: RET503 - defer() does not return
        """Check once, then wait as the mode says."""
        self._label(context)
        refuse_nothing({name: getattr(self, name) for name in _FILTERS}, self._named)
        since_ms = self._since_ms(context)
        self.log.info("Waiting for files since %s.", iso(since_ms))
        if not self.deferrable:
            return self._wait_here(context)
        found = self._check(since_ms)
        if found.matched:
            return found.value
        selection, longest, now = self._selection(), self._longest_wait(context), time.time()
        self.defer(
            trigger=NewFilesTrigger(
                search_query=selection.search_query,
                path=selection.path,
                file_type=selection.file_type,
                kinds=self._kinds(),
                since_ms=since_ms,
                imagekit_conn_id=self.imagekit_conn_id,
                poke_interval=self.poke_interval,
                deadline=now + longest.total_seconds(),
                next_check=now + max(self.poke_interval, MIN_POKE_INTERVAL),
            ),
            method_name="execute_complete",
            timeout=longest,
        )

    def poke(self, context: Context) -> PokeReturnValue:
        """Check once."""
        found = self._check(self._since_ms(context))
        return PokeReturnValue(is_done=found.matched, xcom_value=found.value)

    def _check(self, since_ms: int) -> Poll:
        try:
            found = self._look(since_ms)
        except ImageKitError as error:
            self._fail(error)
        self._last_reason = found.reason
        self.log.info("%s%s", found.reason, "" if found.matched else self._next_check())
        return found

    def _look(self, since_ms: int) -> Poll:
        selection, kinds = self._selection(), self._kinds()
        client = self.hook.get_conn()
        try:
            return check_for_files(client, selection, since_ms, kinds)
        except ImageKitAuthError:
            # The key may have been rotated while we waited: one more look at the Airflow Connection.
            renewed = self.hook.get_conn(refresh=True)
            if renewed is client:
                raise
            return check_for_files(renewed, selection, since_ms, kinds)

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
