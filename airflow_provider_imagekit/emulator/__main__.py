"""Entry point of the command ``imagekit-emulator``: reports missing packages or starts the server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow_provider_imagekit.emulator.extra import check_extra

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Serve until interrupted or terminated.

    :param arguments: command-line arguments.
    :return: exit status.
    """
    try:
        check_extra()
    except ModuleNotFoundError as error:
        print(f"imagekit-emulator: {error}", file=sys.stderr)
        return 1
    from airflow_provider_imagekit.emulator.command import serve

    return serve(arguments)


if __name__ == "__main__":
    sys.exit(main())
