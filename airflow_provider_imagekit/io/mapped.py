"""Prevents instances of a mapped task from replacing each other's output, with a mark beside the output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_imagekit.io.marks import Mark
from airflow_provider_imagekit.io.object_storage import storage_faults, storage_path
from airflow_provider_imagekit.io.paths import check_writable
from airflow_provider_imagekit.io.together import atomic_write

__all__ = ["only_writer"]


@contextmanager
def only_writer(output: str | None, owner: str, *, name: str = "") -> Iterator[None]:
    """
    Write an output as the only instance of a mapped task; other tasks may replace it.

    If two instances write at the same time, the one whose mark was replaced fails.

    :param output: path of a file or of a folder; ``None`` if nothing is written.
    :param owner: see :class:`~airflow_provider_imagekit.io.marks.Mark`.
    :param name: for a folder, name of the file in it beside which the mark is put.
    :raises ImageKitInputError: if another instance has written the output, or it cannot be written.
    :raises StorageError: if the storage does not respond.
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
