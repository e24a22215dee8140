"""
Runs every caller during every fault and compares the outcomes with the page of the documentation.

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
from tests.faults.callers import CALLERS, Outcome, connection, expected_outcome, meet, well
from tests.faults.expected import Fault
from tests.faults.faults import FAULTS
from tests.faults.page import PAGE, render
from tests.support import AIRFLOW_3

ROUNDING = 0.05

Stage = Mapping[str, tuple[ImageKitEmulator, Any]]


@pytest.fixture(scope="module")
def results() -> dict[tuple[str, str], Outcome | None]:
    """Outcomes by cell, collected by the tests below."""
    return {}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """For each caller, its own server and its result without a fault."""
    library = pictures.draw(tmp_path_factory.mktemp("library"))
    with contextlib.ExitStack() as stack:
        servers = {
            # All share one key, because Airflow recompiles its pattern of secrets for each new one.
            caller: stack.enter_context(ImageKitEmulator(library))
            for caller in CALLERS
        }
        with pytest.MonkeyPatch.context() as patch:
            for server in servers.values():
                patch.setenv(*connection(server))
            yield {caller: (server, well(server, caller)) for caller, server in servers.items()}


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    """One thread for each caller, so that they wait for slow responses concurrently."""
    with ThreadPoolExecutor(len(CALLERS), initializer=_run_tasks_here) as pool:
        yield pool


def _run_tasks_here() -> None:
    """Let a thread run tasks; Airflow 2 stores its callers only in the thread that imported it."""
    if not AIRFLOW_3:
        importlib.import_module("airflow.models.baseoperator").ExecutorSafeguard._sentinel.callers = {}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
class TestFault:
    def test_every_caller_ends_as_expected_with_at_most_the_expected_requests(
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
            expected = expected_outcome(fault, caller)
            assert expected is not None
            assert (outcome.end, outcome.error, outcome.xcom) == (
                expected.end,
                expected.error,
                expected.xcom,
            ), caller
            assert outcome.requests <= expected.requests, caller
            assert outcome.waited <= expected.waited + ROUNDING, caller


def test_the_page_matches_the_results_of_the_tests(
    results: dict[tuple[str, str], Outcome | None],
) -> None:
    if len(results) < len(FAULTS) * len(CALLERS):
        pytest.skip("not all faults were run in this process")
    if os.environ.get("IMAGEKIT_WRITE_FAULTS_PAGE"):
        PAGE.write_text(render(results), encoding="utf-8")
    assert PAGE.read_text("utf-8") == render(results), "run `make faults`"
