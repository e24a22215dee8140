"""Lists assets: parses the parameters, filters, sorts and pages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.emulator.errors import ApiError
from airflow_provider_imagekit.emulator.routes.objects import file_object, folder_object
from airflow_provider_imagekit.emulator.search.query import compile_search, names_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from airflow_provider_imagekit.emulator.account import Account
    from airflow_provider_imagekit.emulator.library.assets import Asset, Version

__all__ = ["FILE_TYPES", "MAX_LIMIT", "SORTS", "TYPES", "ListQuery", "list_assets"]

TYPES = ("file", "file-version", "folder", "all")
FILE_TYPES = ("all", "image", "non-image")
MAX_LIMIT = 1000

Item = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """
    A candidate for the listing, whose item is built on demand.

    :param name: name of the file or folder.
    :param created_ms: Unix time in milliseconds.
    :param updated_ms: Unix time in milliseconds.
    :param tags: tags of a file.
    :param make: builds the item, which reads a file's header.
    """

    name: str
    created_ms: int
    updated_ms: int
    tags: tuple[str, ...] | None
    make: Callable[[], Item | None]

    @cached_property
    def item(self) -> Item | None:
        """Return the item, built on first access; ``None`` if the file has been removed."""
        return self.make()

    def field(self, name: str) -> Any:
        """Return a field of the item, 0 if the item lacks it."""
        return (self.item or {}).get(name, 0)


_SORT_KEYS: dict[str, Callable[[Entry], Any]] = {
    "NAME": lambda entry: entry.name,
    "CREATED": lambda entry: entry.created_ms,
    "UPDATED": lambda entry: entry.updated_ms,
    "HEIGHT": lambda entry: entry.field("height"),
    "WIDTH": lambda entry: entry.field("width"),
    "SIZE": lambda entry: entry.field("size"),
    "DURATION": lambda entry: entry.field("duration"),
    "ORIGINAL_CREATION_DATE": lambda entry: entry.created_ms,
    # ImageKit does not document how relevance is computed; the order of creation is used instead.
    "RELEVANCE": lambda entry: entry.created_ms,
}
SORTS = tuple(f"{direction}_{name}" for name in _SORT_KEYS for direction in ("ASC", "DESC"))


@dataclass(frozen=True, slots=True)
class ListQuery:
    """
    Validated parameters of ``GET /v1/files``.

    :param type: ``file``, ``file-version``, ``folder``, ``all``; ``any`` if the search query selects types.
    :param key: sort key.
    :param descending: whether to sort in descending order.
    :param path: exact folder, or empty.
    :param file_type: ``all``, ``image`` or ``non-image``.
    :param limit: 1 to 1000.
    :param skip: 0 or more.
    :param name: exact name, or empty.
    :param tags: an asset needs one of these tags; empty for no filter.
    :param search: predicate of the search query, if there is one.
    """

    type: str
    key: Callable[[Entry], Any]
    descending: bool
    path: str
    file_type: str
    limit: int
    skip: int
    name: str
    tags: tuple[str, ...]
    search: Callable[[Item], bool] | None

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> ListQuery:
        """
        Parse the parameters of a request.

        :raises ApiError: 400 for an invalid parameter.
        """
        search = query.get("searchQuery", "").strip()
        if search:
            # Documented: a search overrides these three.
            query = {name: value for name, value in query.items() if name not in ("tags", "type", "name")}
        type_ = query.get("type", "file")
        if type_ not in TYPES:
            raise ApiError(
                400,
                "Your request contains invalid value for type parameter. "
                f"Please provide one of the following: {', '.join(TYPES)}.",
            )
        direction, _, name = query.get("sort", "ASC_CREATED").partition("_")
        if direction not in ("ASC", "DESC") or name not in _SORT_KEYS:
            raise ApiError(400, "Your request contains invalid value for sort parameters.")
        file_type = query.get("fileType", "all")
        if file_type not in FILE_TYPES:
            raise ApiError(400, "Your request contains invalid value for fileType parameter.")
        test = compile_search(search) if search else None
        return cls(
            search=test,
            # A search matches files only, unless it has a condition on the type.
            type="any" if search and names_type(search) else type_,
            key=_SORT_KEYS[name],
            descending=direction == "DESC",
            path=_folder_path(query.get("path", "")),
            file_type=file_type,
            limit=_limit(query),
            skip=_skip(query),
            name=query.get("name", ""),
            tags=tuple(filter(None, query.get("tags", "").split(","))),
        )

    def page(self, entries: Iterable[Entry]) -> list[Item]:
        """Return the items of the requested page; only these are built, and removed files are skipped."""
        found = sorted(filter(self.matches, entries), key=self.key, reverse=self.descending)
        items = (entry.item for entry in found[self.skip :])
        return list(islice((item for item in items if item is not None), self.limit))

    def matches(self, entry: Entry) -> bool:
        """Return whether an asset matches all filters except the type."""
        if self.name and entry.name != self.name:
            return False
        if self.tags and not set(self.tags).intersection(entry.tags or ()):
            return False
        if self.file_type != "all" and entry.field("fileType") != self.file_type:
            return False
        return self.search is None or (entry.item is not None and self.search(entry.item))


def list_assets(account: Account, query: Mapping[str, str], url_endpoint: str) -> list[Item]:
    """
    Return one page of assets.

    :param account: the account.
    :param query: parameters of the request.
    :param url_endpoint: URL endpoint for file URLs.
    :raises ApiError: 400 for an invalid parameter.
    """
    requested = ListQuery.parse(query)
    return requested.page(_entries(account, requested, url_endpoint))


def _entries(account: Account, requested: ListQuery, url_endpoint: str) -> Iterator[Entry]:
    for asset in account.library.assets():
        if not requested.path or asset.folder == requested.path:
            for version in _versions(asset, requested.type):
                yield _file_entry(account, asset, version, url_endpoint)
    if requested.type in ("folder", "all", "any"):
        for folder in account.library.folders():
            if not requested.path or folder.folder == requested.path:
                yield Entry(
                    folder.name, folder.created_ms, folder.updated_ms, None, partial(folder_object, folder)
                )


def _file_entry(account: Account, asset: Asset, version: Version, url_endpoint: str) -> Entry:
    def make() -> Item | None:
        try:
            return file_object(asset, version, account.measurer.facts(asset, version), url_endpoint)
        except FileNotFoundError:
            return None  # removed since the scan

    return Entry(asset.name, version.created_ms, version.updated_ms, version.attributes.tags, make)


def _versions(asset: Asset, type_: str) -> tuple[Version, ...]:
    current, older = asset.versions[-1:], asset.versions[:-1]
    return {"file": current, "all": current, "file-version": older, "any": asset.versions}.get(type_, ())


def _folder_path(path: str) -> str:
    return "/" + path.strip("/") if path else ""


def _limit(query: Mapping[str, str]) -> int:
    limit = _integer(query, "limit", MAX_LIMIT)
    if limit < 1:
        raise ApiError(400, f"Minimum value of limit parameter is 1. Value sent is {limit}.")
    if limit > MAX_LIMIT:
        raise ApiError(400, f"Maximum value of limit parameter is {MAX_LIMIT}. Value sent is {limit}.")
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
