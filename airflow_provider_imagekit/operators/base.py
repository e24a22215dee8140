"""Base classes and helpers of all ImageKit operators and sensors: hook, label, errors, asset events."""

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
    "no_files_warning",
    "push_no_none",
    "skip_in_mapped_group",
]

#: Maximum length of a mapped task's label in Airflow's database; Airflow does not truncate it.
MAX_LABEL: Final = 250

#: The links of a task for one picture, identified by ``file_id`` or ``url``.
PICTURE_LINKS: Final = (ImageKitFileLink(), ImageKitMediaLibraryLink())

#: The link of a task for many files.
LIBRARY_LINKS: Final = (ImageKitMediaLibraryLink(),)

#: The arguments of every task that sends requests to ImageKit. Airflow has arguments with similar names:
#: ``timeout`` limits a sensor's whole wait, ``execution_timeout`` one try, and ``retries`` counts tries.
CONNECTION_ARGUMENTS: Final = ("imagekit_conn_id", "request_timeout", "max_retries", "max_calls")

#: The value of Airflow's constant for a failed deferral. The constant has moved between versions.
DEFERRAL_FAILED: Final = "__fail__"

_LABEL = "imagekit_label"
_SUBJECTS = ("file_id", "url")


@contextmanager
def fail_without_retry(*, but: type[ImageKitError] | tuple[()] = ()) -> Iterator[None]:
    """
    Fail the task without another try if a retry cannot fix the error.

    :param but: a class of errors that Airflow may retry anyway.
    :raises AirflowFailException: for an error that is not retryable.
    """
    try:
        yield
    except ImageKitError as error:
        if error.retryable or isinstance(error, but):
            error.__suppress_context__, error.__cause__ = True, None
            raise
        # One error in the log, not one for each layer; the original is the __context__.
        raise AirflowFailException(str(error)) from None


def no_files_warning(filters: Mapping[str, Any]) -> str:
    """
    Return a warning that names the filters, since a typo in one looks like an empty folder.

    :param filters: values of the filters by argument name.
    """
    given = ", ".join(f"{name}={value!r:.200}" for name, value in filters.items() if not is_absent(value))
    return f"No files were found with {given or 'no filter'}. Check the arguments if you expected files."


def identity_of(context: Context) -> str:
    """
    Return a string that identifies a task instance and is the same in all of its tries.

    :param context: the task's context.
    """
    ti = context["ti"]
    return f"{ti.dag_id}/{ti.task_id}/{ti.run_id}/{ti.map_index}"


def is_mapped(context: Context) -> bool:
    """
    Return whether this task instance belongs to a mapped task.

    :param context: the task's context.
    """
    index = getattr(context.get("ti"), "map_index", None)
    return index is not None and index >= 0


def label_of(value: object) -> str:
    """
    Return the label of a mapped task: one line, without signatures, short enough for Airflow's database.

    :param value: the value of the label argument, of any type.
    """
    masked = mask_signature(str(value))
    return "".join(filter(str.isprintable, masked)).strip()[:MAX_LABEL]


def skip_in_mapped_group(context: Context, downstream: Callable[[], Iterable[Any]]) -> None:
    """
    Skip tasks of this task's mapped task group, for this task's map index only.

    Airflow 3.2 and later do not check the skip dependency inside mapped task groups (apache/airflow#67265),
    so the tasks after a closed gate would run.

    :param context: the task's context.
    :param downstream: returns the tasks to skip.
    :raises DownstreamTasksSkipped: if there are tasks to skip; Airflow 3 skips tasks by this exception.
    """
    index: Any = context["ti"].map_index
    if (
        not AIRFLOW_3
        or not is_mapped(context)
        or (group := context["task"].get_closest_mapped_task_group()) is None
    ):
        return
    inside = [(task.task_id, index) for task in downstream() if task.get_closest_mapped_task_group() is group]
    if inside:
        raise compat.DownstreamTasksSkipped(tasks=inside)


def push_no_none(task_instance: Any) -> None:
    """
    Skip ``None`` outputs when Airflow pushes ``multiple_outputs``; a pull then returns ``None``, too.

    :param task_instance: the task instance, whose ``xcom_push`` is replaced.
    """
    push = task_instance.xcom_push

    def push_values(key: str, value: Any) -> None:
        if value is not None:
            push(key, value)

    object.__setattr__(task_instance, "xcom_push", push_values)  # the model rejects new attributes


class ImageKitTask:
    """Base of :class:`ImageKitOperator` and of the sensors."""

    ui_color = "#e3edfb"

    #: Names of the arguments that identify the task's subject. The first one given labels a mapped task.
    label_arguments: ClassVar[tuple[str, ...]] = ()

    imagekit_conn_id: str = ImageKitHook.default_conn_name
    request_timeout: float | str | None = None
    max_retries: int | str | None = None
    max_calls: int | str | None = None
    _has_call_limit = False

    #: Inputs and outputs for OpenLineage. If a task sets no inputs, they are derived from its arguments.
    read_datasets: tuple[Dataset, ...] = ()
    written_datasets: tuple[Dataset, ...] = ()
    #: Whether the task lists the media library.
    lists_library: ClassVar[bool] = False

    if not compat.XCOM_MAY_BE_NOTHING:

        def pre_execute(self, context: Context) -> None:
            """Prepare the task. Airflow calls this before each execution."""
            push_no_none(context["ti"])

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
            max_calls=whole_number(calls, "max_calls", least=1) if self._has_call_limit else None,
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
        # With native rendering a template can return None, which must not remove the limit.
        self._has_call_limit = max_calls is not None

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:  # noqa: ARG002
        """Return the task's inputs and outputs. Airflow's OpenLineage provider calls this."""
        from airflow_provider_imagekit.operators.lineage import lineage_of_task

        return lineage_of_task(self)

    def _label(self, context: Context) -> None:
        """Label a mapped task in Airflow's user interface, unless the DAG has a template for that."""
        if not is_mapped(context) or context.get("map_index_template") is not None:
            return
        subjects = (getattr(self, name, None) for name in self.label_arguments)
        label = next((label_of(value) for value in subjects if not is_absent(value)), "")
        if label:
            # Native rendering evaluates text as a Python literal, so it needs the repr to return the text.
            native = getattr(context.get("dag"), "render_template_as_native_obj", False)
            values: Any = context
            values[_LABEL] = repr(label) if native else label
            values["map_index_template"] = f"{{{{ {_LABEL} }}}}"
            # For the time of a deferral: Airflow 2 keeps the attribute, Airflow 3 the label sent to it.
            values["ti"].rendered_map_index = label
            if AIRFLOW_3:
                compat.send_map_index_label(label)

    def _persist_picture_links(self, context: Context) -> None:
        """Store the links to the picture before the first request, so that a failed task has them, too."""
        if not is_absent(file_id := getattr(self, "file_id", None)):
            ImageKitMediaLibraryLink.persist(context, str(file_id))
        if not is_absent(url := getattr(self, "url", None)):
            ImageKitFileLink.persist(context, str(url))

    @staticmethod
    def _persist_library_link(context: Context) -> None:
        ImageKitMediaLibraryLink.persist(context)

    def _add_picture_event_extra(self, context: Context, result: dict[str, Any]) -> None:
        """Add the picture, its version and the result to the events of the task's assets."""
        if not getattr(self, "outlets", None):
            return
        given = {name: getattr(self, name, None) for name in _SUBJECTS}
        picture = {name: mask_signature(str(value)) for name, value in given.items() if not is_absent(value)}
        self._add_asset_event_extra(context, picture | self._version() | result)

    def _version(self) -> dict[str, Any]:
        """Return the version of the task's file in the media library, if the task has a ``file_id``."""
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
        """Add plain JSON to the event of each asset, asset reference or asset alias in the task's outlets."""
        for outlet in getattr(self, "outlets", None) or ():
            try:
                event = context["outlet_events"][outlet]
            except (KeyError, TypeError):  # not an asset
                continue
            event.extra.update(extra)
            for alias_event in _alias_events(event):
                alias_event.extra.update(extra)


class LocalWork:
    """Mixin of operators that can compute for minutes on the worker."""

    log: Any

    @cached_property
    def _progress(self) -> Progress:
        return Progress(self.log.info)

    def on_kill(self) -> None:
        """Stop within a second, without leaving incomplete files."""
        self._progress.stop()


class ImageKitOperator(ImageKitTask, BaseOperator):
    """Base of the operators."""

    # Without this __init__, Airflow's partial() finds no defaults because of the mixin, and inlets are None.
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def _push(self, context: Context, value: dict[str, Any]) -> None:
        """Push the XCom now, because Airflow drops the return value of a task that fails or skips others."""
        if self.do_xcom_push:
            outputs = value if self.multiple_outputs else {}
            for key, item in {**outputs, "return_value": value}.items():
                context["ti"].xcom_push(key=key, value=item)


def _alias_events(event: Any) -> Any:
    """Return the events that the task added to an asset alias. Airflow 2 calls assets datasets."""
    return getattr(event, "asset_alias_events", None) or getattr(event, "dataset_alias_events", None) or ()
