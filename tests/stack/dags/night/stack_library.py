"""
### A library's table

Its first try can run on a disk that is full after 10 kB.
"""

from __future__ import annotations

import os
import resource
from datetime import timedelta
from typing import Any

from airflow_provider_imagekit.compat import DAG
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator

MAX_BYTES = 10_000


class LibraryOnAFullDisk(LibraryMetadataOperator):
    """Limits the size of files to 10 kB in the first try, if the DAG run sets ``full_disk``."""

    def execute(self, context: Any) -> Any:
        if context["params"]["full_disk"] and context["ti"].try_number == 1:
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_BYTES, hard))
        return super().execute(context)


with DAG("stack_library", schedule=None, catchup=False, params={"full_disk": False}):
    LibraryOnAFullDisk(
        task_id="library",
        output_path=os.environ["IMAGEKIT_STACK_TABLE"],
        retries=1,
        retry_delay=timedelta(seconds=1),
    )
