"""What operators share: the hook, the label of a mapped task, which errors to retry, asset events."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit import compat
from airflow_provider_imagekit.client.endpoints import mask_signature
from airflow_provider_imagekit.compat import AIRFLOW_3, AirflowFailException, Asset, BaseOperator
from airflow_provider_imagekit.exceptions import ImageKitError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.io.arguments import is_absent

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context

__all__ = [
    "LABEL_LENGTH",
    "ImageKitOperator",
    "add_asset_event_extra",
    "fail_without_retry",
    "set_map_index_label",
    "skip_in_mapped_group",
]

#: Characters of the database column that holds the label of a mapped task; Airflow does not cut.
LABEL_LENGTH: Final = 250


class ImageKitOperator(BaseOperator):
    """An operator that calls ImageKit through the hook of its ``imagekit_conn_id``."""

    ui_color = "#e3edfb"
    imagekit_conn_id: str

    @cached_property
    def hook(self) -> ImageKitHook:
        """The hook of this task."""
        return ImageKitHook(self.imagekit_conn_id)


def set_map_index_label(context: Context, operator: Any, *arguments: str) -> None:
    """
    Label a mapped task by the first of its arguments that is set; a DAG author's own label stays.

    The label hides signatures, is at most :data:`LABEL_LENGTH` characters long, and is text under native
    rendering, too. It stays while the task is deferred.

    :param context: the task's context.
    :param operator: the task.
    :param arguments: names of arguments, the preferred one first.
    """
    ti = context["ti"]
    if getattr(ti, "map_index", -1) < 0 or context.get("map_index_template") is not None:
        return
    for argument in arguments:
        value = getattr(operator, argument)
        if not is_absent(value):
            label = _label(argument, value)
            # By a variable, so that nothing in the value is read as a template.
            context["imagekit_label"] = label  # type: ignore[typeddict-unknown-key]
            context["map_index_template"] = "{{ imagekit_label }}"
            ti.rendered_map_index = label
            return


def _label(argument: str, value: object) -> str:
    label = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]+", " ", mask_signature(str(value))).strip()
    with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        ast.literal_eval(label)
        # Native rendering would make a number of it, and Airflow fails the task for want of a text.
        label = f"{argument} {label}"
    return label[:LABEL_LENGTH]


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
            raise
        raise AirflowFailException(str(error)) from error


def add_asset_event_extra(operator: BaseOperator, context: Context, extra: dict[str, Any]) -> None:
    """
    Add to the event of each asset, or reference to one, that the task has as an outlet.

    An ``AssetAlias`` has no asset of its own, so its event is the DAG author's.

    :param operator: the task.
    :param context: its context.
    :param extra: plain JSON.
    """
    kinds = (Asset, compat.AssetRef) if AIRFLOW_3 else (Asset,)
    for outlet in operator.outlets or ():
        if isinstance(outlet, kinds):
            context["outlet_events"][outlet].extra.update(extra)


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
    if not AIRFLOW_3 or index < 0 or (group := context["task"].get_closest_mapped_task_group()) is None:
        return
    inside = [(task.task_id, index) for task in behind() if task.get_closest_mapped_task_group() is group]
    if inside:
        raise compat.DownstreamTasksSkipped(tasks=inside)
