"""Renders the fault matrix as a page of the documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.faults.callers import Outcome
from tests.faults.faults import FAULTS
from tests.faults.operators import CALLS, OPERATORS
from tests.faults.says import (
    AS_ANSWERED,
    FAILS,
    GOES_ON,
    LIBRARY,
    NOT_REPEATED,
    REPORT,
    RETRIES,
    SUCCESS,
    UNKNOWN,
    WAITS,
)
from tests.faults.sensors import JOBS, POKE_INTERVAL, SENSORS, WATCHER
from tests.faults.writers import WRITERS

__all__ = ["PAGE", "Results", "render"]

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"

Results = Mapping[tuple[str, str], Outcome | None]

HEAD = f"""\
# What happens when something goes wrong

This page is written by `make faults` from the results of the tests in `tests/faults/`; a test fails when the
two differ. Every row is a fault; every cell was run against a local server in which the fault is at work,
with the Airflow Connection's defaults (`max_retries` 5, `max_wait` 120 s) and a `poke_interval` of
{POKE_INTERVAL:g} s.

How to read a cell:

- **success**: the task ends well, and its XCom is what it is without the fault.
- **success, as answered**: the same, but XCom is what ImageKit answered in this case.
- **waits on**: the sensor takes it for "not yet". As soon as the fault is over, it ends well with the right
  XCom.
- **fails**: no further try, whatever the task's `retries`: an operator raises `AirflowFailException` from the
  error named.
- **raises**: the error named, which is Airflow's to retry as the task's `retries` say. A sensor never turns
  it into a skip, `soft_fail` or not. With `ImageKitRetryPolicy` (Airflow 3.3 and later) errors that a retry
  cannot fix fail at once here, too.
- **goes on**: the library's run comes to its end without the file, whose error is in the errors table, and
  fails only if more files than `max_failed` have one; see [library.md](library.md).
- **a repeat is unsafe**: the answer to a write was lost, so it may have been done, and a second request could
  do it twice. Neither the client nor Airflow repeats it; look first, then decide.
- The number of requests is what reached the server while the fault lasted; the seconds are the most that the
  caller itself waited meanwhile, without what the server took and without the intervals between a sensor's
  checks. Where a fault lasts for several checks, both are for all of them.

The columns: a *call* of the client or hook, and the operators, of which those that differ are named;
`LibraryMetadataOperator`, for one of its files; a *sensor* in poke mode, in reschedule mode, deferrable
at the first check, and deferrable in the triggerer, beside it `NewFilesSensor` and `UsageSensor` in poke
mode and in the triggerer; a *wait for a job* that ImageKit has accepted, in `PurgeCacheOperator` and in the
triggerer (`JobTrigger`) for `FolderJobOperator`; the *watcher*, `ImageKitFilesTrigger`; and operators that
write, those whose request is sent again after a lost answer apart from those whose request is not, see
[writing.md](writing.md). All of them were run for every cell.
"""

TITLES = (
    "What goes wrong",
    "Call and operators",
    "Library",
    "Sensor in every mode",
    "Wait for a job",
    "Watcher",
    "Writes that are repeated",
    "Writes that are not",
)


def render(results: Results) -> str:
    """Return the page."""
    lines = [
        HEAD,
        f"| {' | '.join(TITLES)} |",
        f"|{'---|' * len(TITLES)}",
    ]
    operators = [*CALLS, *(name for name in OPERATORS if name != LIBRARY)]
    repeated = [name for name in WRITERS if name not in NOT_REPEATED]
    for fault in FAULTS:
        lasting = f" (for {fault.checks} checks)" if fault.checks > 1 else ""
        columns = (operators, [LIBRARY], SENSORS, JOBS, WATCHER, repeated, NOT_REPEATED)
        cells = (_cells(results, fault.name, callers) for callers in columns)
        lines.append(f"| {fault.name}{lasting} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(results: Results, fault: str, callers: Iterable[str]) -> str:
    """Return the most common outcome, followed by the callers with other outcomes."""
    texts = {caller: _cell(outcome) for caller in callers if (outcome := results[fault, caller]) is not None}
    if not texts:
        return "—"
    (usual, _), *others = Counter(texts.values()).most_common()
    return "<br>".join(
        [
            usual,
            *(
                f"{', '.join(f'`{who}`' for who in texts if texts[who] == text)}: {text}"
                for text, _ in others
            ),
        ]
    )


def _cell(outcome: Outcome) -> str:
    cost = f"{outcome.requests} request{'' if outcome.requests == 1 else 's'}"
    if outcome.waited:
        cost += f", {outcome.waited:g} s"
    unsafe = "; a repeat is unsafe" if outcome.error == UNKNOWN else ""
    end = {
        SUCCESS: "success" + (", as answered" if outcome.xcom == AS_ANSWERED else ""),
        WAITS: "waits on",
        FAILS: f"fails: {outcome.error if outcome.error == REPORT else f'`{outcome.error}`'}",
        GOES_ON: f"goes on: `{outcome.error}`",
        RETRIES: f"raises `{outcome.error}`",
    }[outcome.end]
    return f"{end}; {cost}{unsafe}"
