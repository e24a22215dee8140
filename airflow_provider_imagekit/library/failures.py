"""Counts failed files, and fails the run if there are too many."""

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

__all__ = ["LASTING", "Failures", "error_row", "fails_every_file", "is_lasting", "max_files"]

_RUN_ERRORS = (CallLimitError, ImageKitAuthError, ImageKitConfigurationError, ImageKitRateLimitError)
_LASTING = (ImageKitBadRequestError, ImageKitInputError)

#: Names of the error classes that recur for the same version of a file, as stored in the table.
LASTING = frozenset(cls.__name__ for cls in _LASTING)

# Retryable failures without a success in between after which the service, not the files, is to blame.
_MAX_IN_A_ROW = 64


def max_files(share: float, of: int) -> int:
    """
    Return the number of files that a number or a share allows; a share allows at least one file.

    :param share: as :func:`~airflow_provider_imagekit.arguments.count_or_share` returns it.
    :param of: number of files to which a share refers.
    """
    return share if isinstance(share, int) else max(1, int(share * of))


def is_lasting(error: Exception) -> bool:
    """Return whether the same version would fail again: the file is corrupt, or its name is invalid."""
    return isinstance(error, _LASTING)


def fails_every_file(error: Exception) -> bool:
    """Return whether every other file would fail as well, as with a wrong key or because of a bug."""
    return isinstance(error, _RUN_ERRORS) or not isinstance(error, ImageKitError)


def error_row(listing: Row, error: ImageKitError) -> Row:
    """
    Return the row of the errors file for a failure.

    :param listing: listing columns of the file.
    :param error: the error of its metadata call.
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
    Counts failures and raises an error when there are too many.

    :param max_failed: as :func:`~airflow_provider_imagekit.arguments.count_or_share` returns it; a share
        refers to the calls.
    :param calls: metadata calls that the run plans.
    """

    def __init__(self, max_failed: float, calls: int) -> None:
        self.allowed = max_files(max_failed, calls)
        self.failed = 0
        self.lasting = 0
        self._in_a_row = 0

    def succeed(self) -> None:
        """Record that a file was fetched."""
        self._in_a_row = 0

    def fail(self, error: ImageKitError) -> None:
        """
        Record that a file failed.

        :raises TooManyFailedFilesError: if more files have failed than allowed.
        :raises ImageKitError: the error itself, after 64 retryable failures without a success in between.
        """
        self.count(lasting=is_lasting(error))
        self._in_a_row += error.retryable
        if self._in_a_row >= _MAX_IN_A_ROW:
            raise error
        self.check(error)

    def count(self, *, lasting: bool) -> None:
        """Count a failure of this try or of an earlier one."""
        self.failed += 1
        self.lasting += lasting

    def check(self, last: ImageKitError | None = None) -> None:
        """
        Raise an error if more files have failed than allowed.

        :param last: the latest error.
        :raises TooManyFailedFilesError: in that case.
        """
        if self.failed > self.allowed:
            raise TooManyFailedFilesError(
                f"{counted(self.failed, 'file')} failed; max_failed allows {self.allowed:,}."
                + (f" Last error: {last}" if last else ""),
                help="See errors.jsonl beside the table; raise max_failed if such files are expected.",
                lasting=self.lasting > self.allowed,
            ) from None
