"""
Error responses with the exact texts that ImageKit documents.

Sources: the vendor's OpenAPI description for status and ``message``, its SDKs' fixtures for ``type``.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "CORRUPT",
    "EXPIRED_KEY",
    "HELP",
    "INTERNAL_ERROR",
    "MESSAGES",
    "NO_KEY",
    "NO_PICTURE",
    "TOO_MANY",
    "WRONG_KEY",
    "ApiError",
    "bad_file_id",
    "bad_version_id",
    "corrupt_file",
    "no_such_file",
    "no_such_picture",
    "no_such_version",
    "url_not_ours",
]

#: Part of every error response.
HELP = "For support kindly contact us at support@imagekit.io."

NO_KEY = "Your request does not contain private API key."
WRONG_KEY = "Your account cannot be authenticated."
EXPIRED_KEY = "Your request contains expired private API key."
CORRUPT = "The requested file is corrupt or invalid."
NO_PICTURE = "The requested file does not exist or is inaccessible at this time."
#: The text of a 429 is not documented.
TOO_MANY = "You have exceeded the rate limit for this endpoint."
INTERNAL_ERROR = "We have experienced an internal error while processing your request."

#: Default message for each status.
MESSAGES = {
    400: CORRUPT,
    401: NO_KEY,
    403: WRONG_KEY,
    404: NO_PICTURE,
    423: "A bulk job is running on given folder path, please try after sometime.",
    429: TOO_MANY,
}


class ApiError(Exception):
    """
    Raised by a handler to send an error response.

    :param status: HTTP status.
    :param message: ImageKit's text.
    :param headers: additional headers.
    :param extra: additional keys of the body, such as ``reason`` or ``missingFileIds``.
    """

    def __init__(
        self, status: int, message: str, *, headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body = {"message": message, "help": HELP, **extra}


def bad_file_id() -> ApiError:
    """Return the error for a file id that is not 24 lower-case hexadecimal digits."""
    return ApiError(400, "Your request contains invalid fileId parameter.", type="INVALID_PARAM_ERROR")


def bad_version_id() -> ApiError:
    """Return the error for a malformed version id."""
    return ApiError(400, "Your request contains invalid versionId parameter.", type="INVALID_PARAM_ERROR")


def no_such_version() -> ApiError:
    """Return the error for an unknown version of a file."""
    return ApiError(404, "The requested file version does not exist.")


def no_such_file() -> ApiError:
    """Return the error for details, versions, changes and deletion of an unknown file."""
    return ApiError(404, "The requested file does not exist.")


def no_such_picture() -> ApiError:
    """Return the error for the metadata of an unknown file."""
    return ApiError(404, NO_PICTURE)


def corrupt_file() -> ApiError:
    """Return the error for the metadata of a picture that cannot be decoded."""
    return ApiError(400, CORRUPT)


def url_not_ours(url: str) -> ApiError:
    """Return the error for a URL that is not below one of the account's URL endpoints."""
    return ApiError(400, f"{url} should be accessible using your ImageKit.io account.")
