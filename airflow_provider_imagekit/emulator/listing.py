"""The parameters of the listing: which assets, in which order, which page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.emulator.errors import ApiError
from airflow_provider_imagekit.emulator.objects import file_object, folder_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_imagekit.emulator.account import Account

__all__ = ["ListQuery", "list_assets"]

_TYPES = ("file", "file-version", "folder", "all")
_FILE_TYPES = ("all", "image", "non-image")
_MAX_LIMIT = 1000

Item = dict[str, Any]

_SORT_KEYS: dict[str, Callable[[Item], Any]] = {
    "NAME": lambda item: item["name"],
    "CREATED": lambda item: item["createdAt"],
    "UPDATED": lambda item: item["updatedAt"],
    "HEIGHT": lambda item: item.get("height", 0),
    "WIDTH": lambda item: item.get("width", 0),
    "SIZE": lambda item: item.get("size", 0),
    "DURATION": lambda item: item.get("duration", 0),
    "ORIGINAL_CREATION_DATE": lambda item: item["createdAt"],
    # Relevance has no meaning without a search: the order of creation stands in.
    "RELEVANCE": lambda item: item["createdAt"],
}


@dataclass(frozen=True, slots=True)
class ListQuery:
    """
    Parameters of ``GET /v1/files``, checked.

    :param type: ``file``, ``file-version``, ``folder`` or ``all``.
    :param key: what to sort by.
    :param descending: in which direction.
    :param path: exact folder, or empty.
    :param file_type: ``all``, ``image`` or ``non-image``.
    :param limit: 1 to 1000.
    :param skip: 0 or more.
    :param name: exact name, or empty.
    :param tags: any of these, if any are given.
    """

    type: str
    key: Callable[[Item], Any]
    descending: bool
    path: str
    file_type: str
    limit: int
    skip: int
    name: str
    tags: tuple[str, ...]

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> ListQuery:
        """
        Read the parameters.

        :raises ApiError: 400 for a bad one.
        """
        type_ = query.get("type", "file")
        if type_ not in _TYPES:
            raise ApiError(
                400,
                "Your request contains invalid value for type parameter. "
                f"Please provide one of the following: {', '.join(_TYPES)}.",
            )
        direction, _, name = query.get("sort", "ASC_CREATED").partition("_")
        if direction not in ("ASC", "DESC") or name not in _SORT_KEYS:
            raise ApiError(400, "Your request contains invalid value for sort parameters.")
        file_type = query.get("fileType", "all")
        if file_type not in _FILE_TYPES:
            raise ApiError(400, "Your request contains invalid value for fileType parameter.")
        return cls(
            type=type_,
            key=_SORT_KEYS[name],
            descending=direction == "DESC",
            path=_folder_path(query.get("path", "")),
            file_type=file_type,
            limit=_limit(query),
            skip=_skip(query),
            name=query.get("name", ""),
            tags=tuple(filter(None, query.get("tags", "").split(","))),
        )

    def page(self, items: list[Item]) -> list[Item]:
        """Return the asked page of all matching items."""
        ordered = sorted(items, key=self.key, reverse=self.descending)
        return ordered[self.skip : self.skip + self.limit]

    def matches(self, item: Item) -> bool:
        """Return whether an asset is among those asked for, its type apart."""
        if self.name and item["name"] != self.name:
            return False
        if self.tags and not set(self.tags).intersection(item.get("tags") or ()):
            return False
        return self.file_type == "all" or item.get("fileType") == self.file_type


def list_assets(account: Account, query: Mapping[str, str], url_endpoint: str) -> list[Item]:
    """
    Return one page of assets.

    :param account: the account.
    :param query: parameters of the request.
    :param url_endpoint: URL endpoint for the addresses.
    :raises ApiError: 400 for a bad parameter.
    """
    wanted = ListQuery.parse(query)
    items = [item for item in _items(account, wanted, url_endpoint) if wanted.matches(item)]
    return wanted.page(items)


def _items(account: Account, wanted: ListQuery, url_endpoint: str) -> list[Item]:
    items: list[Item] = []
    for asset in account.library.assets():
        if wanted.path and asset.folder != wanted.path:
            continue
        versions = {
            "file": asset.versions[-1:],
            "all": asset.versions[-1:],
            "file-version": asset.versions[:-1],
        }
        for version in versions.get(wanted.type, ()):
            try:
                items.append(
                    file_object(asset, version, account.measurer.facts(asset, version), url_endpoint)
                )
            except FileNotFoundError:
                continue  # removed while we look
    if wanted.type in ("folder", "all"):
        items += [
            folder_object(folder)
            for folder in account.library.folders()
            if not wanted.path or folder.folder == wanted.path
        ]
    return items


def _folder_path(path: str) -> str:
    return "/" + path.strip("/") if path else ""


def _limit(query: Mapping[str, str]) -> int:
    limit = _integer(query, "limit", _MAX_LIMIT)
    if limit < 1:
        raise ApiError(400, f"Minimum value of limit parameter is 1. Value sent is {limit}.")
    if limit > _MAX_LIMIT:
        raise ApiError(400, f"Maximum value of limit parameter is {_MAX_LIMIT}. Value sent is {limit}.")
    return limit


def _skip(query: Mapping[str, str]) -> int:
    skip = _integer(query, "skip", 0)
    if skip < 0:
        raise ApiError(
            400, f"The value of skip parameter should be greater than or equal to 0. Value sent is {skip}."
        )
    return skip


def _integer(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise ApiError(400, f"Your request contains invalid value for {name} parameter.") from None
