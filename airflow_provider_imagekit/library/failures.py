"""How many files may fail before the run does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_imagekit.exceptions import (
    CallLimitError,
    ImageKitAuthError,
    ImageKitBadRequestError,
    ImageKitConfigurationError,
    ImageKitError,
    ImageKitInputError,
    ImageKitRateLimitError,
    TooManyFailedFilesError,
)
from airflow_provider_imagekit.io.progress import counted

if TYPE_CHECKING:
    from airflow_provider_imagekit.library.table.schema import Row

__all__ = ["LASTING", "Failures", "error_row", "is_lasting", "is_of_the_run", "max_files"]

_OF_THE_RUN = (CallLimitError, ImageKitAuthError, ImageKitConfigurationError, ImageKitRateLimitError)
_LASTING = (ImageKitBadRequestError, ImageKitInputError)

#: Classes of errors that the same version of a file meets again, as the table names them.
LASTING = frozenset(cls.__name__ for cls in _LASTING)

# Files in a row, without one success, after which the service counts as down rather than the files as bad.
_MOST_IN_A_ROW = 64


def max_files(share: float, of: int) -> int:
    """
    Return how many files a number or a share stands for; a share allows one file at least.

    :param share: as :func:`~airflow_provider_imagekit.arguments.count_or_share` returns it.
    :param of: the files of which it is a share.
    """
    return share if isinstance(share, int) else max(1, int(share * of))


def is_lasting(error: Exception) -> bool:
    """Return whether the same version of the file fails again: it is corrupt, or its name is impossible."""
    return isinstance(error, _LASTING)


def is_of_the_run(error: Exception) -> bool:
    """Return whether every other file would fail as well: the key is wrong, or it is a bug."""
    return isinstance(error, _OF_THE_RUN) or not isinstance(error, ImageKitError)


def error_row(listing: Row, error: ImageKitError) -> Row:
    """
    Return the row of the errors file for a failure.

    :param listing: columns of the listing of the file.
    :param error: what its metadata call met.
    """
    return {
        "file_id": listing.get("file_id"),
        "url": listing.get("url"),
        "path": listing.get("path"),
        "error": type(error).__name__,
        "status": error.status,
        "message": error.message,
        "request_id": error.request_id,
        "lasting": is_lasting(error),
    }


class Failures:
    """
    Counts failures and raises when there are too many.

    :param max_failed: as :func:`~airflow_provider_imagekit.arguments.count_or_share` returns it; a share
        is one of the calls.
    :param calls: metadata calls that the run plans.
    """

    def __init__(self, max_failed: float, calls: int) -> None:
        self.allowed = max_files(max_failed, calls)
        self.failed = 0
        self.lasting = 0
        self._in_a_row = 0

    def succeed(self) -> None:
        """Note that a file was fetched."""
        self._in_a_row = 0

    def fail(self, error: ImageKitError) -> None:
        """
        Note that a file failed.

        :raises TooManyFailedFilesError: if more have failed than may.
        :raises ImageKitError: the error itself, if nothing has come back for long.
        """
        self.count(lasting=is_lasting(error))
        self._in_a_row += error.retryable
        if self._in_a_row >= _MOST_IN_A_ROW:
            raise error
        self.check(error)

    def count(self, *, lasting: bool) -> None:
        """Note a failure, of this try or of an earlier one."""
        self.failed += 1
        self.lasting += lasting

    def check(self, last: ImageKitError | None = None) -> None:
        """
        Raise if more files have failed than may.

        :param last: the newest error.
        """
        if self.failed > self.allowed:
            raise TooManyFailedFilesError(
                f"{counted(self.failed, 'file')} failed; max_failed allows {self.allowed:,}."
                + (f" The last: {last}" if last else ""),
                help="See errors.jsonl beside the table; raise max_failed if such files are expected.",
                lasting=self.lasting > self.allowed,
            ) from None
