"""Helpers of the operators that follow a branch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.operators.base import skip_in_mapped_group

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context

__all__ = ["check_task_ids", "take_branch"]


def check_task_ids(context: Context, branches: Mapping[str, Sequence[str] | None]) -> None:
    """
    Refuse ids that the DAG does not have, including those of branches that this run does not follow.

    :param context: the task's context.
    :param branches: ids of tasks and task groups by argument name.
    :raises ImageKitInputError: for the first unknown id.
    """
    dag = getattr(context.get("task"), "dag", None)
    if dag is None:
        return
    known = set(dag.task_ids) | set(dag.task_group.get_task_group_dict())
    for name, ids in branches.items():
        unknown = [id_ for id_ in ids or () if id_ not in known]
        if unknown:
            raise ImageKitInputError(
                f"{name} names {unknown[0]!r}, which the DAG does not have.",
                help="Pass ids of tasks or task groups; inside a group, an id begins with the group's id.",
            )


def take_branch(operator: Any, context: Context, branch: Sequence[str]) -> None:
    """
    Skip the direct downstream tasks of an operator that are not in the branch to follow.

    :param operator: the operator, which has Airflow's ``BranchMixIn``.
    :param context: the task's context.
    :param branch: ids of the tasks and task groups to run.
    """
    operator.do_branch(context, branch)
    skip_in_mapped_group(context, lambda: _not_taken(operator, context, branch))


def _not_taken(operator: Any, context: Context, branch: Sequence[str]) -> list[Any]:
    task: Any = context["task"]
    taken = set(operator._expand_task_group_roots(context["ti"], branch))  # noqa: SLF001 - Airflow's own
    for task_id in list(taken):
        taken |= task.dag.get_task(task_id).get_flat_relative_ids(upstream=False)
    return [relative for relative in task.downstream_list if relative.task_id not in taken]
