"""A picture in a table: its name, its hash, and what else is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_imagekit.phash import PHash

__all__ = ["KNOWN_COLUMNS", "HashRecord"]

#: Names under which tables keep the same thing: ImageKit's own first.
_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "path": ("filePath", "file_path", "path"),
    "created": ("createdAt", "created_at", "created"),
    "size": ("size", "size_bytes"),
}

#: Columns that keepers are chosen by and that reports show, under all their names.
KNOWN_COLUMNS: Final = (
    *(name for names in _ALIASES.values() for name in names),
    *("width", "height", "format", "url", "thumbnail"),
)

_ABSURD: Final = 1e15


@dataclass(frozen=True, slots=True)
class HashRecord:
    """
    One picture.

    :param id: its name in the table: a file id, a path, a URL.
    :param phash: its hash; ``None`` if it has none (a video, a vector file).
    :param attributes: the other columns, under the table's own names.
    """

    id: str
    phash: PHash | None
    attributes: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def get(self, name: str) -> Any:
        """
        Return a property under ImageKit's name for it or a table's.

        :param name: ``path``, ``created``, ``size``, or any column.
        :return: its value; ``None`` if it is absent or blank.
        """
        for column in _ALIASES.get(name, (name,)):
            value = self.attributes.get(column)
            if value is not None and value != "":
                return value
        return None

    def number(self, name: str) -> float:
        """Return a property as a number; 0 if it is absent, no number, or larger than any picture's."""
        try:
            number = float(self.get(name) or 0)
        except (TypeError, ValueError, OverflowError):
            return 0.0
        return number if abs(number) < _ABSURD else 0.0

    @property
    def pixels(self) -> int:
        """Width times height; 0 if unknown."""
        return int(self.number("width") * self.number("height"))
