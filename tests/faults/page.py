"""Renders the fault matrix as a page of the documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.faults.callers import Outcome
from tests.faults.expected import (
    CONTINUES,
    FAILS,
    FAULTY_DATA,
    LIBRARY,
    NOT_REPEATED,
    REPORT,
    RETRIES,
    SUCCESS,
    UNKNOWN,
    WAITS,
)
from tests.faults.faults import FAULTS
from tests.faults.operators import CALLS, OPERATORS
from tests.faults.sensors import JOBS, POKE_INTERVAL, SENSORS, WATCHER
from tests.faults.writers import WRITERS

__all__ = ["PAGE", "Results", "render"]

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"

Results = Mapping[tuple[str, str], Outcome | None]

HEAD = f"""\
# What happens when something goes wrong

`make faults` generates this page from the results of the tests in `tests/faults/`; a test fails if the two
differ. Each row is a fault. Each cell was run against a local server with that fault, with the defaults of
the Airflow Connection (`max_retries` 5, `max_wait` 120 s) and a `poke_interval` of {POKE_INTERVAL:g} s.

How to read a cell:

- **success**: the task succeeds with the same XCom as without the fault.
- **success with faulty data**: the task succeeds, and its XCom has the data of the faulty response.
- **keeps waiting**: the sensor treats the fault as "not yet". When the fault is over, it succeeds with the
  correct XCom.
- **fails**: the task is not retried, regardless of its `retries`: an operator raises `AirflowFailException`
  from the named error.
- **raises**: the task raises the named error, and Airflow retries it according to `retries`. A sensor never
  turns it into a skip, regardless of `soft_fail`. With `ImageKitRetryPolicy` (Airflow 3.3 and later), errors
  that a retry cannot fix fail at once here, too.
- **continues**: the library's run continues without the file and writes its error to the errors table. The
  run fails only if more files fail than `max_failed` allows; see [library.md](library.md).
- **unsafe to repeat**: the response to a write was lost, so ImageKit may have processed the request, and a
  second request could process it twice. Neither the client nor Airflow repeats it; check before you do.
- The number of requests counts those that reached the server during the fault. The seconds are the maximum
  that the caller itself waited, without the time of the server and the intervals between a sensor's checks.
  If a fault lasts for several checks, both numbers cover all of them.

The columns:

- *Call and operators*: a call of the client or hook, and the operators; those that differ are named.
- *Library*: `LibraryMetadataOperator`, for one of its files.
- *Sensor in every mode*: a sensor in poke mode, in reschedule mode, deferrable at the first check, and
  deferrable in the triggerer; also `NewFilesSensor` and `UsageSensor` in poke mode and in the triggerer.
- *Wait for a job*: after ImageKit has accepted the job, in `PurgeCacheOperator` and in the triggerer
  (`JobTrigger`) for `FolderJobOperator`.
- *Watcher*: `ImageKitFilesTrigger`.
- *Writes*: operators that write, by whether their request is retried after a lost response; see
  [writing.md](writing.md).

All of them were run for every row.
"""

TITLES = (
    "What goes wrong",
    "Call and operators",
    "Library",
    "Sensor in every mode",
    "Wait for a job",
    "Watcher",
    "Writes that are retried",
    "Writes that are not retried",
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
    unsafe = "; unsafe to repeat" if outcome.error == UNKNOWN else ""
    end = {
        SUCCESS: "success" + (" with faulty data" if outcome.xcom == FAULTY_DATA else ""),
        WAITS: "keeps waiting",
        FAILS: f"fails: {outcome.error if outcome.error == REPORT else f'`{outcome.error}`'}",
        CONTINUES: f"continues: `{outcome.error}`",
        RETRIES: f"raises `{outcome.error}`",
    }[outcome.end]
    return f"{end}; {cost}{unsafe}"
