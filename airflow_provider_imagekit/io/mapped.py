"""Instances of one mapped task never replace each other's output: a mark says which wrote it last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.object_storage import storage_faults, storage_path
from airflow_provider_imagekit.io.paths import check_writable, read_locally
from airflow_provider_imagekit.io.tables import json_line
from airflow_provider_imagekit.io.together import atomic_write

if TYPE_CHECKING:
    from airflow_provider_imagekit.io.paths import StoragePath

__all__ = ["Mark", "only_writer", "read_json"]


class Mark:
    """
    The file that says which task wrote an output last.

    :param path: the mark.
    :param output: what the mark is for, in errors.
    :param owner: what identifies the task in its DAG run over all its tries; what follows its last slash is
        the index of the instance of a mapped task.
    """

    def __init__(self, path: StoragePath, output: str, owner: str) -> None:
        self.path = path
        self._output = output
        self._owner = owner
        self._run, _, self._index = owner.rpartition("/")

    @property
    def of_mapped_task(self) -> bool:
        """Whether the task is one instance of a mapped task; others need no mark."""
        return self._index.isdigit()

    def refuse_siblings(self) -> None:
        """
        Make sure that no other instance of this mapped task has written the output in the same DAG run.

        :raises ImageKitInputError: if one has.
        """
        run, _, index = str(read_json(self.path).get("owner")).rpartition("/")
        if self.of_mapped_task and run == self._run and index != self._index:
            raise ImageKitInputError(
                f"{self._output} was written by instance {index} of this mapped task in the same DAG run; "
                f"instance {self._index} would replace its rows.",
                help="Put {{ ti.map_index }} into output_path, so that each instance writes its own.",
            )

    def write(self, stream: IO[bytes]) -> None:
        """
        Note whose the output is.

        :param stream: becomes the file ``path``.
        """
        stream.write(json_line({"owner": self._owner}))


@contextmanager
def only_writer(output: str | None, owner: str, *, name: str = "") -> Iterator[None]:
    """
    Write an output as the only instance of a mapped task; other tasks may replace it.

    Of two instances that write at the same time, the one whose mark was replaced fails.

    :param output: path of a file, or of a folder; ``None`` if nothing is written.
    :param owner: see :class:`Mark`.
    :param name: name of a file in the folder, beside which the mark is put.
    :raises ImageKitInputError: if another instance has written it, or if it cannot be written.
    :raises StorageError: if the storage does not answer.
    """
    if output is None:
        yield
        return
    file = storage_path(f"{output.rstrip('/')}/{name}" if name else output, "output_path")
    mark = Mark(file.parent / f".{file.name}.writer.json", output, owner)
    if not mark.of_mapped_task:
        yield
        return
    with storage_faults([output]):
        check_writable(mark.path, "output_path")
        mark.refuse_siblings()
        with atomic_write(mark.path, mark.path.parent) as stream:
            mark.write(stream)
    yield
    with storage_faults([output]):
        mark.refuse_siblings()


def read_json(path: StoragePath) -> dict[str, Any]:
    """
    Return the object in a small JSON file; an empty one if the file is damaged or missing.

    :param path: the file.
    """
    try:
        with read_locally(path) as stream:
            found = json.loads(stream.read(4096))
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
