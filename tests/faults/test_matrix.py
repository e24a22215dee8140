"""
Every fault meets every caller; the page of the documentation is what came of it.

``make faults`` writes the page anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests import pictures
from tests.faults.callers import CALLERS, Outcome, meet, says
from tests.faults.faults import FAULTS, Fault
from tests.faults.page import PAGE, render
from tests.faults.writers import WRITERS

ROUNDING = 0.05


@pytest.fixture(scope="module")
def results() -> dict[tuple[str, str], Outcome | None]:
    """What came of each cell, gathered by the tests below."""
    return {}


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageKitEmulator]:
    """A server whose library the callers that write may change."""
    with ImageKitEmulator(library=pictures.draw(tmp_path_factory.mktemp("changing"))) as emulator:
        yield emulator


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
class TestFault:
    def test_every_caller_ends_as_he_should_and_asks_no_more_than_he_may(
        self,
        fault: Fault,
        imagekit: ImageKitEmulator,
        changing: ImageKitEmulator,
        results: dict[tuple[str, str], Outcome | None],
    ) -> None:
        for caller in CALLERS:
            server = changing if caller in WRITERS else imagekit
            outcome = results[fault.name, caller] = meet(fault, caller, server)
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
