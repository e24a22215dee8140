"""If instances of a mapped task write to the same path, one writes and the others fail with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.updates import UpdateFilesOperator
from tests.doubles import context
from tests.operators.public import TASKS
from tests.operators.worlds import World, world_in

pytestmark = pytest.mark.slow

WRITERS = [task for task in TASKS if "output_path" in task.template_fields]
# A mapped task must get arguments that select its files.
NARROWED = {LibraryMetadataOperator: {"path": "/shop"}}


@pytest.fixture(scope="module")
def world(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_in(tmp_path_factory.mktemp("mapped"), library) as found:
        yield found


def instance(index: int, run_id: str = "monday") -> Any:
    about = context(run_id)
    about["ti"].map_index = index
    return about


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
def test_no_instance_replaces_what_another_has_written(
    writer: type[Any], world: World, tmp_path: Path
) -> None:
    folder = world.base_of(writer).get("output_path") == str(world.folder / "found")
    output = tmp_path / "output" if folder else tmp_path / "output.jsonl"
    given = NARROWED.get(writer, {}) | world.base_of(writer) | {"output_path": str(output)}
    if writer is UpdateFilesOperator:
        given["dry_run"] = False

    def run(about: Any) -> None:
        writer(task_id="task", **given).execute(about)

    run(instance(0))
    written = _content(tmp_path)
    with pytest.raises(AirflowFailException, match=r"by instance 0 .* instance 11 .*{{ ti.map_index }}"):
        run(instance(11))
    assert _content(tmp_path) == written
    for same_or_another_run in (instance(0), instance(11, "tuesday"), instance(-1, "wednesday")):
        run(same_or_another_run)


def _content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
