"""Delivers pictures at the URL endpoint and applies the URL's transformation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

from airflow_provider_imagekit.emulator.library.measure import Cache
from airflow_provider_imagekit.emulator.routes.addresses import Address
from airflow_provider_imagekit.emulator.routes.signing import is_signed
from airflow_provider_imagekit.emulator.transforms.render import Rendered, render
from airflow_provider_imagekit.emulator.transforms.steps import BadTransformationError, Step, parse_steps
from airflow_provider_imagekit.phash.pictures import BadPictureError

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_provider_imagekit.emulator.account import Account
    from airflow_provider_imagekit.emulator.library.assets import Asset, Version

__all__ = ["Delivery", "RefusedError", "Subject"]

_MAX_CACHED_PICTURES = 64
# An SVG or HTML file in the library may contain a script, which must not run with the server's origin.
_HEADERS = {"vary": "Accept", "content-security-policy": "sandbox", "x-content-type-options": "nosniff"}
_NOT_TRANSFORMED = ("svg",)


class RefusedError(Exception):
    """
    Raised when a delivery is refused.

    :param status: HTTP status.
    :param code: code of the ``ik-error`` header.
    :param message: reason of the refusal.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Subject:
    """
    The file, version and transformation of a delivery URL.

    :param asset: the file.
    :param version: the requested version.
    :param steps: transformation steps; empty for the original.
    :param text: the transformation string.
    """

    asset: Asset
    version: Version
    steps: tuple[Step, ...]
    text: str


class Delivery:
    """
    Delivers pictures of an account.

    :param account: the account.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._rendered: Cache[Rendered] = Cache(_MAX_CACHED_PICTURES)

    def find(self, address: Address) -> Subject:
        """
        Find the subject of an address.

        :raises RefusedError: 404 if the file does not exist, 401 if a required signature is missing or
            invalid, 400 for an invalid transformation.
        """
        account = self._account
        asset = account.library.by_path(address.path)
        if asset is None:
            raise RefusedError(404, "ENOENT", "The requested file does not exist.")
        version = _version(asset, address.version_id)
        try:
            steps = parse_steps(address.transformation, account.transformations)
        except BadTransformationError as error:
            raise RefusedError(400, "EINVALID", str(error)) from error
        self._check_signature(address, version)
        if any(step.original for step in steps):
            steps = ()
        return Subject(asset, version, steps, address.transformation)

    def content(self, subject: Subject, accept: str = "") -> Rendered:
        """
        Return the file that an address delivers.

        :raises RefusedError: 400 if it cannot be transformed.
        :raises FileNotFoundError: if it has been removed.
        """
        asset, version = subject.asset, subject.version
        facts = self._account.measurer.facts(asset, version)
        if not subject.steps or facts.format in _NOT_TRANSFORMED or not facts.is_image:
            return Rendered(self._account.library.read(asset, version), facts.mime)
        coordinates = version.attributes.custom_coordinates
        key = "\n".join((asset.content_key(version), subject.text, accept, coordinates or ""))
        known = self._rendered.get(key)
        if known is not None:
            return known
        original = self._account.library.read(asset, version)
        try:
            return self._rendered.put(key, render(original, subject.steps, accept, coordinates))
        except BadTransformationError as error:
            raise RefusedError(400, "EINVALID", str(error)) from error
        except BadPictureError as error:
            raise RefusedError(400, "ECORRUPT", "The requested file is corrupt or invalid.") from error

    async def handle(self, request: Request, target: str) -> Response:
        """
        Handle a request for a picture.

        :param request: the request.
        :param target: path and query after the endpoint and its slash, as sent.
        """
        try:
            subject = await self._account.run(self.find, Address.parse(target))
            rendered = await self._account.run(self.content, subject, request.headers.get("accept", ""))
        except RefusedError as refused:
            return PlainTextResponse(
                str(refused), refused.status, {"ik-error": f"{refused.code} - {refused}"}
            )
        except FileNotFoundError:
            return PlainTextResponse("The requested file does not exist.", 404, {"ik-error": "ENOENT"})
        return Response(rendered.content, media_type=rendered.mime, headers=_HEADERS)

    def _check_signature(self, address: Address, version: Version) -> None:
        signed = is_signed(self._account.keyring.valid, address.target)
        if signed is False:
            raise RefusedError(401, "EAUTH", "The signature of this URL is invalid or has expired.")
        if signed:
            return
        attributes = version.attributes
        if not attributes.published:
            raise RefusedError(404, "ENOENT", "The requested file is not published.")
        if (attributes.private or self._account.restrict_unsigned) and not _is_named(address.transformation):
            raise RefusedError(401, "EAUTH", "This file is delivered by signed URLs only.")


def _version(asset: Asset, version_id: str) -> Version:
    if not version_id:
        return asset.current
    for version in asset.versions:
        if asset.version_id(version) == version_id:
            return version
    raise RefusedError(404, "ENOENT", "The requested file version does not exist.")


def _is_named(transformation: str) -> bool:
    """Return whether only named transformations are used; these require no signature."""
    steps = [step for step in transformation.split(":") if step]
    return bool(steps) and all(step.startswith("n-") and "," not in step for step in steps)
