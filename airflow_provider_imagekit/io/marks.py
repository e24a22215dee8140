"""The mark beside an output: a file that identifies the instance of a mapped task that wrote it last."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.paths import read_locally
from airflow_provider_imagekit.io.tables import json_line

if TYPE_CHECKING:
    from airflow_provider_imagekit.io.paths import StoragePath

__all__ = ["Mark", "read_json"]


class Mark:
    """
    The file that identifies the task that wrote an output last.

    :param path: the mark.
    :param output: name of the output, for errors.
    :param owner: identifies the task in its DAG run across all its tries; the part after its last slash is
        the index of the instance of a mapped task.
    """

    def __init__(self, path: StoragePath, output: str, owner: str) -> None:
        self.path = path
        self._output = output
        self._owner = owner
        self._run, _, self._index = owner.rpartition("/")

    @property
    def of_mapped_task(self) -> bool:
        """Whether the task is an instance of a mapped task; other tasks need no mark."""
        return self._index.isdigit()

    def refuse_siblings(self) -> None:
        """
        Check that no other instance of this mapped task has written the output in the same DAG run.

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
        Write the owner of the output.

        :param stream: the new content of the file ``path``.
        """
        stream.write(json_line({"owner": self._owner}))


def read_json(path: StoragePath) -> dict[str, Any]:
    """
    Return the object in a small JSON file; an empty object if the file is damaged or missing.

    :param path: the file, of which at most 4096 bytes are read.
    """
    try:
        with read_locally(path) as stream:
            found = json.loads(stream.read(4096))
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
