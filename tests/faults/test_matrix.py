"""
Every fault meets every caller; the page of the documentation is what came of it.

``make faults`` writes the page from the results.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests import pictures
from tests.faults.callers import CALLERS, Outcome, connection, meet, says, well
from tests.faults.faults import FAULTS
from tests.faults.page import PAGE, render
from tests.faults.says import Fault
from tests.support import AIRFLOW_3

ROUNDING = 0.05

Stage = Mapping[str, tuple[ImageKitEmulator, Any]]


@pytest.fixture(scope="module")
def results() -> dict[tuple[str, str], Outcome | None]:
    """What came of each cell, gathered by the tests below."""
    return {}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """For each caller a server of its own, and what it returns when all is well."""
    library = pictures.draw(tmp_path_factory.mktemp("library"))
    with contextlib.ExitStack() as stack:
        servers = {
            # All with one key: Airflow compiles its pattern of secrets at each new one.
            caller: stack.enter_context(ImageKitEmulator(library))
            for caller in CALLERS
        }
        with pytest.MonkeyPatch.context() as patch:
            for server in servers.values():
                patch.setenv(*connection(server))
            yield {caller: (server, well(server, caller)) for caller, server in servers.items()}


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    """One thread for each caller: they wait for slow answers at the same time."""
    with ThreadPoolExecutor(len(CALLERS), initializer=_run_tasks_here) as pool:
        yield pool


def _run_tasks_here() -> None:
    """Let a thread run tasks: Airflow 2 notes its callers in the thread that has imported it."""
    if not AIRFLOW_3:
        importlib.import_module("airflow.models.baseoperator").ExecutorSafeguard._sentinel.callers = {}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
class TestFault:
    def test_every_caller_ends_as_he_should_and_asks_no_more_than_he_may(
        self,
        fault: Fault,
        stage: Stage,
        threads: ThreadPoolExecutor,
        results: dict[tuple[str, str], Outcome | None],
    ) -> None:
        outcomes = threads.map(lambda caller: meet(fault, caller, *stage[caller]), CALLERS)
        for caller, outcome in zip(CALLERS, outcomes, strict=True):
            results[fault.name, caller] = outcome
            if outcome is None:
                continue
            must = says(fault, caller)
            assert must is not None
            assert (outcome.end, outcome.error, outcome.xcom) == (must.end, must.error, must.xcom), caller
            assert outcome.requests <= must.requests, caller
            assert outcome.waited <= must.waited + ROUNDING, caller


def test_the_page_tells_what_the_tests_have_found(
    results: dict[tuple[str, str], Outcome | None],
) -> None:
    if len(results) < len(FAULTS) * len(CALLERS):
        pytest.skip("not all faults were run in this process")
    if os.environ.get("IMAGEKIT_WRITE_FAULTS_PAGE"):
        PAGE.write_text(render(results), encoding="utf-8")
    assert PAGE.read_text("utf-8") == render(results), "run `make faults`"
