"""Which picture of a group to keep: a suggestion, for nothing in this package deletes a picture."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.exceptions import ImageKitInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from airflow_provider_imagekit.similarity.records import HashRecord

__all__ = ["DEFAULT_RULES", "RULES", "SurvivorPolicy"]

#: Rules by name, and what a report says where one decides.
RULES: Final[Mapping[str, str]] = {
    "preferred_folder": "in a preferred folder",
    "preferred_format": "in a preferred format",
    "most_pixels": "most pixels",
    "largest": "largest file",
    "oldest": "oldest",
    "newest": "newest",
}

#: The rules that apply unless others are given; the preferences do nothing while their lists are empty.
DEFAULT_RULES: Final = ("preferred_folder", "preferred_format", "most_pixels", "oldest", "largest")

# What a report says where a later rule prefers another picture.
_DOUBTS: Final[Mapping[str, str]] = {
    "most_pixels": "another has more pixels",
    "largest": "another is a much larger file",
    "oldest": "another is older",
    "newest": "another is newer",
}

# At equal pixels a re-encoding changes bytes by more than this factor; an overlay or a new tone by less, in
# either direction, so that a smaller difference says nothing.
_MUCH_LARGER: Final = 1.25

_SAME_FORMAT: Final = {
    "jpeg": "jpg",
    "jpe": "jpg",
    "jfif": "jpg",
    "tif": "tiff",
    "heif": "heic",
    "jpeg2000": "jp2",
    "j2k": "jp2",
    "svg+xml": "svg",
}

# Pictures of unknown age are neither the oldest nor the newest.
_NO_TIME = float("inf")


@dataclass(frozen=True, slots=True)
class SurvivorPolicy:
    """
    Rules that rank the pictures of a group, the first one foremost; equals fall to the next, at last to the
    name.

    :param rules: names out of :data:`RULES`.
    :param folders: folders to keep pictures of, the dearest first; subfolders included.
    :param formats: formats to keep, the dearest first, such as ``png``, ``jpg``.
    :param kept: names of the pictures that a person chose to keep; they come before all rules.
    """

    rules: tuple[str, ...] = DEFAULT_RULES
    folders: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        unknown = [rule for rule in self.rules if rule not in RULES]
        if unknown:
            raise ImageKitInputError(
                f"There is no survivor rule {unknown[0]!r}.", help=f"The rules are: {', '.join(RULES)}."
            )

    def rank(self, record: HashRecord) -> tuple[Any, ...]:
        """Return a key that sorts the picture to keep to the front."""
        return (record.id not in self.kept, *(_VALUES[rule](self, record) for rule in self.rules), record.id)

    def unmatched(self, records: Iterable[HashRecord]) -> list[str]:
        """
        Return preferences that no picture meets, which are misspelt more often than meant.

        :param records: all pictures.
        """
        wanted = {
            "preferred_folder": [(folder, SurvivorPolicy(folders=(folder,))) for folder in self.folders],
            "preferred_format": [(form, SurvivorPolicy(formats=(form,))) for form in self.formats],
        }
        alone = [
            (text, _VALUES[rule], policy)
            for rule, preferences in wanted.items()
            if rule in self.rules
            for text, policy in preferences
        ]
        for record in records:
            if not alone:
                break
            alone = [one for one in alone if one[1](one[2], record)]
        return [text for text, _, _ in alone]

    def reason(self, keeper: HashRecord, others: Iterable[HashRecord]) -> str:
        """
        Name the rule that puts the keeper before all others; blank if only their names differ.

        It is ``chosen`` where a person did, and begins with ``uncertain:`` where a later rule prefers another
        picture, or where the keeper is hardly larger than one that equals it otherwise. A preference leaves
        no doubt.
        """
        if keeper.id in self.kept:
            return "chosen"
        best = {rule: _VALUES[rule](self, keeper) for rule in self.rules}
        decisive, doubts = -1, set[str]()
        for other in others:
            values = {rule: _VALUES[rule](self, other) for rule in self.rules}
            beating = next((at for at, rule in enumerate(self.rules) if values[rule] != best[rule]), -1)
            decisive = max(decisive, beating)
            doubts.update(self._doubts(beating, best, values))
        if decisive < 0:
            return ""
        reason = RULES[self.rules[decisive]]
        return f"uncertain: {reason}, but {' and '.join(sorted(doubts))}" if doubts else reason

    def _doubts(self, beating: int, best: Mapping[str, float], values: Mapping[str, float]) -> Iterator[str]:
        """Yield what speaks for a picture that the rule at ``beating`` puts behind the keeper."""
        if beating < 0 or self.rules[beating] not in _DOUBTS:
            return
        if self.rules[beating] == "largest" and best["largest"] > _MUCH_LARGER * values["largest"]:
            yield "another is hardly smaller"
        for rule in self.rules[beating + 1 :]:
            if rule == "largest":
                same_pixels = best.get("most_pixels", 0) == values.get("most_pixels", 0)
                preferred = same_pixels and values[rule] < _MUCH_LARGER * best[rule]
            else:
                preferred = rule in _DOUBTS and values[rule] < best[rule] < _NO_TIME
            if preferred:
                yield _DOUBTS[rule]


def _folder(policy: SurvivorPolicy, record: HashRecord) -> int:
    if not policy.folders:
        return 0
    parents = PurePosixPath("/", _composed(str(record.get("path") or ""))).parents
    for place, folder in enumerate(policy.folders):
        if PurePosixPath("/", _composed(folder)) in parents:
            return place
    return len(policy.folders)


def _composed(path: str) -> str:
    # macOS writes an accent beside its letter, Linux and the web write both as one: the same name.
    return unicodedata.normalize("NFC", path)


def _format(policy: SurvivorPolicy, record: HashRecord) -> int:
    if not policy.formats:
        return 0
    given = record.get("format") or PurePosixPath(str(record.get("path") or "")).suffix
    name = _plain_format(str(given))
    for place, preferred in enumerate(policy.formats):
        if _plain_format(preferred) == name:
            return place
    return len(policy.formats)


def _plain_format(name: str) -> str:
    name = name.strip().lower().removeprefix(".")
    return _SAME_FORMAT.get(name, name)


def _created(record: HashRecord) -> float:
    """Return the time of creation in seconds; times without a zone are taken as UTC."""
    value = record.get("created")
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return _NO_TIME
    if not isinstance(value, datetime):
        return _NO_TIME
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()


def _newest(record: HashRecord) -> float:
    created = _created(record)
    return created if created == _NO_TIME else -created


_VALUES: Final[Mapping[str, Callable[[SurvivorPolicy, HashRecord], float]]] = {
    "preferred_folder": _folder,
    "preferred_format": _format,
    "most_pixels": lambda _, record: -record.pixels,
    "largest": lambda _, record: -record.number("size"),
    "oldest": lambda _, record: _created(record),
    "newest": lambda _, record: _newest(record),
}
