"""Keep or drop parts of a metadata object, named by dotted paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.arguments import choice, is_absent, items, meant
from airflow_provider_imagekit.client.endpoints import EXIF_SECTIONS, METADATA_FIELDS
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.library.table.coerce import as_dict
from airflow_provider_imagekit.library.table.privacy import GpsPolicy, PersonalPolicy, Privacy

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient

__all__ = ["parse_privacy", "project"]


def project(metadata: dict[str, Any], *, fields: Any = None, exclude: Any = ()) -> dict[str, Any]:
    """
    Return a copy of a metadata object with the wanted parts.

    :param metadata: as ImageKit answers.
    :param fields: dotted paths to keep, such as ``pHash`` or ``exif.image.Make``: a sequence, or a text with
        commas; ``None`` keeps all. What the answer lacks is left out.
    :param exclude: dotted paths to drop, such as ``exif.gps``; what the answer lacks is skipped.
    :raises ImageKitInputError: for a path that is not a text, or that begins with a field or a part of
        ``exif`` which neither ImageKit documents nor the answer holds.
    """
    kept = metadata if fields is None else _keep(metadata, _paths(fields, "fields", metadata))
    return _drop(kept, _paths(exclude, "exclude", metadata))


def _paths(paths: Any, argument: str, metadata: dict[str, Any]) -> list[list[str]]:
    if isinstance(paths, str) and is_absent(paths):
        raise ImageKitInputError(
            f"{argument} is {paths!r}: the template gave None.",
            help="Without it XCom would hold more than was meant. Pass names such as ['pHash'].",
        )
    return [_path(path, argument, metadata) for path in items(paths, argument)]


def _path(path: Any, argument: str, metadata: dict[str, Any]) -> list[str]:
    parts = [part.strip() for part in path.split(".")] if isinstance(path, str) else []
    fields = METADATA_FIELDS | metadata.keys()
    if not parts or not all(parts) or parts[0] not in fields:
        raise ImageKitInputError(
            f"{argument} names {path!r}, which ImageKit's metadata does not have.",
            help=f"{meant(path, fields)}Use dotted paths below {', '.join(sorted(METADATA_FIELDS))}.",
        )
    sections = {f"exif.{name}" for name in (*EXIF_SECTIONS, *as_dict(metadata.get("exif")))}
    if parts[0] == "exif" and (section := ".".join(parts[:2])) not in {"exif", *sections}:
        raise ImageKitInputError(
            f"{argument} names {path!r}, which ImageKit's metadata does not have.",
            help=f"{meant(section, sections)}There are: {', '.join(sorted(sections))}.",
        )
    return parts


def _keep(metadata: dict[str, Any], paths: list[list[str]]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for path in paths:
        source, target = metadata, kept
        for part in path[:-1]:
            inner = source.get(part)
            if not isinstance(inner, dict):
                break
            source, target = inner, target.setdefault(part, {})
        else:
            if path[-1] in source:
                target[path[-1]] = source[path[-1]]
    return kept


def _drop(metadata: dict[str, Any], paths: list[list[str]]) -> dict[str, Any]:
    dropped = {path[0] for path in paths if len(path) == 1}
    result: dict[str, Any] = {}
    for name, value in metadata.items():
        if name in dropped:
            continue
        inner = [path[1:] for path in paths if path[0] == name and len(path) > 1]
        result[name] = _drop(value, inner) if inner and isinstance(value, dict) else value
    return result


def parse_privacy(gps: object, personal: object, client: ImageKitClient) -> Privacy | None:
    """
    Read the arguments ``gps`` and ``personal``, which ``drop_personal_data`` of the connection overrules.

    :param gps: ``keep``, ``coarse`` or ``drop``.
    :param personal: ``keep`` or ``drop``.
    :param client: the client of the Airflow Connection.
    :return: what to drop; ``None`` for nothing.
    :raises ImageKitInputError: for another word.
    """
    words = choice(gps, "gps", GpsPolicy), choice(personal, "personal", PersonalPolicy)
    if client.drop_personal_data:
        return Privacy()
    if words == (GpsPolicy.KEEP, PersonalPolicy.KEEP):
        return None
    return Privacy(GpsPolicy(words[0]), PersonalPolicy(words[1]))
