"""What every ImageKit operator and sensor shares: hook, label, final errors, what asset events carry."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow_provider_imagekit import compat
from airflow_provider_imagekit.arguments import is_absent, number, text, whole_number
from airflow_provider_imagekit.client.endpoints import file_details, mask_signature
from airflow_provider_imagekit.compat import AIRFLOW_3, AirflowFailException, BaseOperator
from airflow_provider_imagekit.exceptions import ImageKitError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.io.progress import Progress
from airflow_provider_imagekit.links.imagekit import ImageKitFileLink, ImageKitMediaLibraryLink

if TYPE_CHECKING:
    from airflow_provider_imagekit.assets.datasets import Dataset
    from airflow_provider_imagekit.compat import Context, OperatorLineage

__all__ = [
    "CONNECTION_ARGUMENTS",
    "DEFERRAL_FAILED",
    "LIBRARY_LINKS",
    "MAX_LABEL",
    "PICTURE_LINKS",
    "ImageKitOperator",
    "ImageKitTask",
    "LocalWork",
    "fail_without_retry",
    "identity_of",
    "is_mapped",
    "label_of",
    "nothing_found",
    "push_no_nothing",
    "skip_in_mapped_group",
]

#: Characters that Airflow's database holds of a mapped task's label; Airflow does not cut it.
MAX_LABEL: Final = 250

#: The links of a task about a picture that is named by ``file_id`` or ``url``.
PICTURE_LINKS: Final = (ImageKitFileLink(), ImageKitMediaLibraryLink())

#: The link of a task about many files.
LIBRARY_LINKS: Final = (ImageKitMediaLibraryLink(),)

#: The arguments of every task that asks ImageKit; not those of Airflow that sound alike: ``timeout`` of a
#: sensor is for its whole wait, ``execution_timeout`` for a try, ``retries`` counts tries.
CONNECTION_ARGUMENTS: Final = ("imagekit_conn_id", "request_timeout", "max_retries", "max_calls")

#: Airflow's name for "the deferral failed"; it has moved between versions, the value has not.
DEFERRAL_FAILED: Final = "__fail__"

_LABEL = "imagekit_label"
_SUBJECTS = ("file_id", "url")


@contextmanager
def fail_without_retry(*, but: type[ImageKitError] | tuple[()] = ()) -> Iterator[None]:
    """
    Fail the task without another try where a retry cannot help.

    :param but: a class of errors to leave to Airflow's retries nevertheless.
    :raises AirflowFailException: from the error, if that is not retryable.
    """
    try:
        yield
    except ImageKitError as error:
        if error.retryable or isinstance(error, but):
            error.__suppress_context__, error.__cause__ = True, None
            raise
        # One error in the log, not one for each layer; the original is the __context__.
        raise AirflowFailException(str(error)) from None


def nothing_found(given: Mapping[str, Any]) -> str:
    """
    Return a warning that names what was asked for: a typo looks like an empty folder.

    :param given: the filters by their arguments' names.
    """
    asked = ", ".join(f"{name}={value!r:.200}" for name, value in given.items() if not is_absent(value))
    return f"No files were found with {asked or 'no filter'}. Check it if some were expected."


def identity_of(context: Context) -> str:
    """
    Return what is the same in all tries of a task, and in no other task.

    :param context: the task's context.
    """
    ti = context["ti"]
    return f"{ti.dag_id}/{ti.task_id}/{ti.run_id}/{ti.map_index}"


def is_mapped(context: Context) -> bool:
    """
    Return whether this is one instance of a mapped task.

    :param context: the task's context.
    """
    index = getattr(context.get("ti"), "map_index", None)
    return index is not None and index >= 0


def label_of(value: object) -> str:
    """
    Return the label of a mapped task: one line without signatures that Airflow's database holds.

    :param value: what the task is about, of any type.
    """
    masked = mask_signature(str(value))
    return "".join(filter(str.isprintable, masked)).strip()[:MAX_LABEL]


def skip_in_mapped_group(context: Context, behind: Callable[[], Iterable[Any]]) -> None:
    """
    Skip tasks of the mapped task group that this task is in, for this task's map index alone.

    Airflow 3.2 and later leave them to a dependency that they do not check inside mapped groups
    (apache/airflow#67265), so that the tasks behind a closed gate run.

    :param context: the task's context.
    :param behind: returns the tasks to skip.
    :raises DownstreamTasksSkipped: if there are any; it is how Airflow 3 skips tasks.
    """
    index: Any = context["ti"].map_index
    if (
        not AIRFLOW_3
        or not is_mapped(context)
        or (group := context["task"].get_closest_mapped_task_group()) is None
    ):
        return
    inside = [(task.task_id, index) for task in behind() if task.get_closest_mapped_task_group() is group]
    if inside:
        raise compat.DownstreamTasksSkipped(tasks=inside)


def push_no_nothing(task_instance: Any) -> None:
    """
    Leave an output without a value out, when Airflow pushes ``multiple_outputs``: pulled, it is nothing, too.

    :param task_instance: the task's own.
    """
    push = task_instance.xcom_push

    def push_values(key: str, value: Any) -> None:
        if value is not None:
            push(key, value)

    object.__setattr__(task_instance, "xcom_push", push_values)  # of a model that takes no new attribute


class ImageKitTask:
    """The part of :class:`ImageKitOperator` that a sensor shares."""

    ui_color = "#e3edfb"

    #: Names of the arguments that say what the task is about; the first one given is a mapped task's label.
    label_arguments: ClassVar[tuple[str, ...]] = ()

    imagekit_conn_id: str = ImageKitHook.default_conn_name
    request_timeout: float | str | None = None
    max_retries: int | str | None = None
    max_calls: int | str | None = None
    _has_ceiling = False

    #: What the task has read and written, for OpenLineage. Unless it says what it has read, its arguments do.
    read_datasets: tuple[Dataset, ...] = ()
    written_datasets: tuple[Dataset, ...] = ()
    #: Whether it lists the media library.
    lists_library: ClassVar[bool] = False

    if not compat.XCOM_MAY_BE_NOTHING:

        def pre_execute(self, context: Context) -> None:
            """Prepare the task; Airflow calls it before each execution."""
            push_no_nothing(context["ti"])

    @cached_property
    def hook(self) -> ImageKitHook:
        """The hook of this task."""
        timeout, retries, calls = self.request_timeout, self.max_retries, self.max_calls
        return ImageKitHook(
            text(self.imagekit_conn_id, "imagekit_conn_id"),
            request_timeout=None
            if is_absent(timeout)
            else number(timeout, "request_timeout", least=0.1, most=86_400),
            max_retries=None if is_absent(retries) else whole_number(retries, "max_retries"),
            max_calls=whole_number(calls, "max_calls", least=1) if self._has_ceiling else None,
        )

    def _limit_requests(
        self,
        request_timeout: float | str | None,
        max_retries: int | str | None,
        max_calls: int | str | None,
    ) -> None:
        self.request_timeout = request_timeout
        self.max_retries = max_retries
        self.max_calls = max_calls
        # A template that gives None, which native rendering hands over as it is, must not lift the ceiling.
        self._has_ceiling = max_calls is not None

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:  # noqa: ARG002
        """Return what the task has read and written; Airflow's OpenLineage provider calls it."""
        from airflow_provider_imagekit.operators.lineage import lineage_of_task

        return lineage_of_task(self)

    def _label(self, context: Context) -> None:
        """Label a mapped task in Airflow's user interface, unless the DAG has a template for that."""
        if not is_mapped(context) or context.get("map_index_template") is not None:
            return
        subjects = (getattr(self, name, None) for name in self.label_arguments)
        label = next((label_of(value) for value in subjects if not is_absent(value)), "")
        if label:
            # Native rendering reads a text as a literal: what it makes of its repr is the text itself.
            native = getattr(context.get("dag"), "render_template_as_native_obj", False)
            values: Any = context
            values[_LABEL] = repr(label) if native else label
            values["map_index_template"] = f"{{{{ {_LABEL} }}}}"
            # While the task is deferred: Airflow 2 keeps the attribute, Airflow 3 what it was sent.
            values["ti"].rendered_map_index = label
            if AIRFLOW_3:
                compat.send_map_index_label(label)

    def _persist_picture_links(self, context: Context) -> None:
        """Store the links to the picture before ImageKit is asked: a task that fails has them, too."""
        if not is_absent(file_id := getattr(self, "file_id", None)):
            ImageKitMediaLibraryLink.persist(context, str(file_id))
        if not is_absent(url := getattr(self, "url", None)):
            ImageKitFileLink.persist(context, str(url))

    @staticmethod
    def _persist_library_link(context: Context) -> None:
        ImageKitMediaLibraryLink.persist(context)

    def _tell_assets(self, context: Context, found: dict[str, Any]) -> None:
        """Add the picture, its version and what was found to the events of the task's assets."""
        if not getattr(self, "outlets", None):
            return
        named = {name: getattr(self, name, None) for name in _SUBJECTS}
        picture = {name: mask_signature(str(value)) for name, value in named.items() if not is_absent(value)}
        self._add_asset_event_extra(context, picture | self._version() | found)

    def _version(self) -> dict[str, Any]:
        """Return the version of the file of the media library that the task is about, if there is one."""
        file_id = getattr(self, "file_id", None)
        if is_absent(file_id):
            return {}
        try:
            version = self.hook.get_conn().call(file_details(str(file_id))).get("versionInfo")
        except ImageKitError as error:
            logging.getLogger(__name__).warning("The asset event has no version_id: %s", error)
            return {}
        return {"version_id": version.get("id")} if isinstance(version, dict) else {}

    def _add_asset_event_extra(self, context: Context, extra: dict[str, Any]) -> None:
        """Add plain JSON to the event of each asset, reference or alias that the task has as an outlet."""
        for outlet in getattr(self, "outlets", None) or ():
            try:
                event = context["outlet_events"][outlet]
            except (KeyError, TypeError):  # not an asset
                continue
            event.extra.update(extra)
            for of_alias in _alias_events(event):
                of_alias.extra.update(extra)


class LocalWork:
    """The part of operators whose work on this machine can take minutes."""

    log: Any

    @cached_property
    def _progress(self) -> Progress:
        return Progress(self.log.info)

    def on_kill(self) -> None:
        """Stop within a second; nothing half written is left."""
        self._progress.stop()


class ImageKitOperator(ImageKitTask, BaseOperator):
    """Base of the operators."""

    # Without one of its own, Airflow's partial() finds no defaults behind the mixin, and inlets are None.
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def _push(self, context: Context, value: dict[str, Any]) -> None:
        """Store the task's XCom now: what a task that fails or skips others returns never becomes one."""
        if self.do_xcom_push:
            parts = value if self.multiple_outputs else {}
            for key, item in {**parts, "return_value": value}.items():
                context["ti"].xcom_push(key=key, value=item)


def _alias_events(event: Any) -> Any:
    """Return the events that the task added to an alias; Airflow 2 calls assets datasets."""
    return getattr(event, "asset_alias_events", None) or getattr(event, "dataset_alias_events", None) or ()
