"""
Imports Airflow's names from where the installed version keeps them, without deprecation warnings.

::

    from airflow_provider_imagekit.compat import DAG, task

No other module of the package imports Airflow. Names are imported on first use. Airflow's own module for
this, in its common-compat provider, is missing or incomplete in the versions that the constraints of Airflow
2.11 to 3.1 pin.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from airflow import __version__ as _airflow_version

if TYPE_CHECKING:
    from airflow.assets.manager import asset_manager
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.plugins_manager import AirflowPlugin
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import (
        DAG,
        Asset,
        BaseHook,
        BaseOperator,
        BaseOperatorLink,
        BaseSensorOperator,
        Connection,
        Context,
        ObjectStoragePath,
        Param,
        PokeReturnValue,
        TaskGroup,
        TriggerRule,
        task,
        task_group,
    )
    from airflow.sdk.bases.branch import BranchMixIn
    from airflow.sdk.bases.skipmixin import SkipMixin
    from airflow.sdk.configuration import conf
    from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
    from airflow.sdk.exceptions import (
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSensorTimeout,
        AirflowSkipException,
        AirflowTaskTimeout,
        DownstreamTasksSkipped,
        TaskDeferred,
    )
    from airflow.sdk.execution_time.xcom import XCom
    from airflow.sdk.lineage import get_hook_lineage_collector
    from airflow.sdk.log import mask_secret
    from airflow.sdk.types import TaskInstanceKey
    from airflow.state import AssetScope, get_state_backend
    from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent
    from airflow.utils.session import create_session

__all__ = [
    "AIRFLOW_3",
    "DAG",
    "XCOM_MAY_BE_NOTHING",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowPlugin",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "Asset",
    "AssetEvent",
    "AssetModel",
    "AssetScope",
    "BaseEventTrigger",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "BaseTrigger",
    "BranchMixIn",
    "Connection",
    "Context",
    "DownstreamTasksSkipped",
    "ObjectStoragePath",
    "OperatorLineage",
    "Param",
    "PokeReturnValue",
    "RetryDecision",
    "RetryPolicy",
    "SkipMixin",
    "TaskDeferred",
    "TaskGroup",
    "TaskInstanceKey",
    "TriggerEvent",
    "TriggerRule",
    "XCom",
    "asset_manager",
    "conf",
    "create_session",
    "get_async_connection",
    "get_async_extra_dejson",
    "get_hook_lineage_collector",
    "get_state_backend",
    "mask_secret",
    "send_map_index_label",
    "task",
    "task_group",
]

#: Whether Airflow 3 is installed.
AIRFLOW_3: bool = int(_airflow_version.partition(".")[0]) >= 3

#: Whether an XCom may be ``None``; the API server of Airflow 3.0 responds with 422, and the task fails.
XCOM_MAY_BE_NOTHING: bool = not _airflow_version.startswith("3.0.")

T = TypeVar("T")

_EXCEPTIONS = ("airflow.sdk.exceptions", "airflow.exceptions")
_LINEAGE = ("airflow.providers.openlineage.extractors",)
_RETRY_POLICY = ("airflow.sdk.definitions.retry_policy",)
_TRIGGERS = ("airflow.triggers.base",)
_ASSETS = ("airflow.models.asset",)
_PLUGINS = ("airflow.plugins_manager",)
_STATE = ("airflow.state",)

# Modules of Airflow 3 that have each name, the newest first; names not listed are in airflow.sdk.
_IN_AIRFLOW_3: dict[str, tuple[str, ...]] = {
    "DownstreamTasksSkipped": _EXCEPTIONS,
    "AirflowFailException": _EXCEPTIONS,
    "AirflowNotFoundException": _EXCEPTIONS,
    "AirflowSensorTimeout": _EXCEPTIONS,
    "AirflowSkipException": _EXCEPTIONS,
    "AirflowTaskTimeout": _EXCEPTIONS,
    "BaseHook": ("airflow.sdk", "airflow.hooks.base"),
    "AirflowPlugin": _PLUGINS,
    "AssetEvent": _ASSETS,
    "AssetModel": _ASSETS,
    "AssetScope": _STATE,
    "BaseEventTrigger": _TRIGGERS,
    "BaseTrigger": _TRIGGERS,
    "BranchMixIn": ("airflow.sdk.bases.branch", "airflow.providers.standard.operators.branch"),
    "OperatorLineage": _LINEAGE,
    "RetryDecision": _RETRY_POLICY,
    "RetryPolicy": _RETRY_POLICY,
    "SkipMixin": ("airflow.sdk.bases.skipmixin", "airflow.providers.standard.utils.skipmixin"),
    "TaskDeferred": _EXCEPTIONS,
    "TaskInstanceKey": ("airflow.sdk.types", "airflow.models.taskinstancekey"),
    "TriggerEvent": _TRIGGERS,
    "XCom": ("airflow.sdk.execution_time.xcom",),
    "asset_manager": ("airflow.assets.manager",),
    "conf": ("airflow.sdk.configuration", "airflow.configuration"),
    "get_hook_lineage_collector": ("airflow.sdk.lineage", "airflow.lineage.hook"),
    "create_session": ("airflow.utils.session",),
    "get_state_backend": _STATE,
    "mask_secret": ("airflow.sdk.log",),
}
# Modules of Airflow 2 that have each name; it has no retry policies.
_IN_AIRFLOW_2: dict[str, str] = {
    "AirflowFailException": "airflow.exceptions",
    "AirflowNotFoundException": "airflow.exceptions",
    "AirflowSensorTimeout": "airflow.exceptions",
    "AirflowSkipException": "airflow.exceptions",
    "AirflowTaskTimeout": "airflow.exceptions",
    "AirflowPlugin": "airflow.plugins_manager",
    "Asset": "airflow.datasets",
    "BaseEventTrigger": "airflow.triggers.base",
    "BaseHook": "airflow.hooks.base",
    "BaseOperator": "airflow.models.baseoperator",
    "BaseOperatorLink": "airflow.models.baseoperatorlink",
    "BaseSensorOperator": "airflow.sensors.base",
    "BaseTrigger": "airflow.triggers.base",
    "BranchMixIn": "airflow.operators.branch",
    "Connection": "airflow.models.connection",
    "Context": "airflow.utils.context",
    "DAG": "airflow.models.dag",
    "ObjectStoragePath": "airflow.io.path",
    "OperatorLineage": _LINEAGE[0],
    "Param": "airflow.models.param",
    "PokeReturnValue": "airflow.sensors.base",
    "SkipMixin": "airflow.models.skipmixin",
    "TaskDeferred": "airflow.exceptions",
    "TaskInstanceKey": "airflow.models.taskinstancekey",
    "TriggerEvent": "airflow.triggers.base",
    "XCom": "airflow.models.xcom",
    "conf": "airflow.configuration",
    "get_hook_lineage_collector": "airflow.lineage.hook",
    "create_session": "airflow.utils.session",
    "mask_secret": "airflow.utils.log.secrets_masker",
    "TaskGroup": "airflow.utils.task_group",
    "TriggerRule": "airflow.utils.trigger_rule",
    "task": "airflow.decorators",
    "task_group": "airflow.decorators",
}
_NAMES_IN_AIRFLOW_2 = {"Asset": "Dataset", "BaseEventTrigger": "BaseTrigger"}


def __getattr__(name: str) -> Any:
    """Import a name of Airflow on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if AIRFLOW_3:
        places, old_name = _IN_AIRFLOW_3.get(name, ("airflow.sdk",)), name
    else:
        places = (_IN_AIRFLOW_2[name],) if name in _IN_AIRFLOW_2 else ()
        old_name = _NAMES_IN_AIRFLOW_2.get(name, name)
    for place in places:
        try:
            value = getattr(importlib.import_module(place), old_name)
        except (AttributeError, ModuleNotFoundError):
            continue
        globals()[name] = value
        return value
    raise AttributeError(f"Airflow {_airflow_version} has no {name}.")


async def get_async_connection(conn_id: str, hook: BaseHook) -> Connection:
    """
    Return a Connection without blocking the event loop.

    Before Airflow 3.3.2, ``aget_connection`` masks secrets with a blocking call, so a thread runs it.

    :param conn_id: id of the Airflow Connection.
    :param hook: the hook that reads it.
    """
    if _has_async_masking():
        return await hook.aget_connection(conn_id)
    return await _in_thread(lambda: hook.get_connection(conn_id))


async def get_async_extra_dejson(connection: Connection) -> dict[str, Any]:
    """
    Return a Connection's extra fields without blocking the event loop.

    :param connection: the Airflow Connection.
    """
    if _has_async_masking():
        extra: dict[str, Any] = await connection.aextra_dejson()
        return extra
    return await _in_thread(lambda: connection.extra_dejson)


def send_map_index_label(label: str) -> None:
    """
    Send the label of a mapped task to Airflow 3 at once, because a deferral loses it.

    Errors are ignored: a label must not fail a task.

    :param label: the text, at most 250 characters.
    """
    with suppress(Exception):
        comms = importlib.import_module("airflow.sdk.execution_time.comms")
        runner = importlib.import_module("airflow.sdk.execution_time.task_runner")
        runner.SUPERVISOR_COMMS.send(msg=comms.SetRenderedMapIndex(rendered_map_index=label))


def _has_async_masking() -> bool:
    return hasattr(__getattr__("Connection"), "aextra_dejson")


async def _in_thread(function: Callable[[], T]) -> T:
    # In asgiref's thread: in asyncio's threads, Airflow's supervisor calls do not find their event loop.
    from asgiref.sync import sync_to_async

    return await sync_to_async(function)()
