"""Which picture of a group to keep: a suggestion, for nothing in this package deletes a picture."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.similarity.records import as_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
    #: The rules that can put one picture before another: a preference needs its list.
    deciding: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        idle = {"preferred_folder": not self.folders, "preferred_format": not self.formats}
        object.__setattr__(self, "deciding", tuple(rule for rule in self.rules if not idle.get(rule)))
        unknown = [rule for rule in self.rules if rule not in RULES]
        if unknown:
            raise ImageKitInputError(
                f"survivor_rules names {unknown[0]!r}, which is not a rule.",
                help=f"The rules are: {', '.join(RULES)}.",
            )

    @property
    def properties(self) -> list[str]:
        """Return the properties of pictures that the rules look at."""
        return list(dict.fromkeys(name for rule in self.deciding for name in _INPUTS[rule]))

    def values(self, values_of: Callable[[str], Iterable[Any]]) -> list[list[float]]:
        """
        Return for each deciding rule what it makes of every picture; the least is the best.

        :param values_of: returns all pictures' values of a property.
        """
        return [
            [_VALUES[rule](self, *inputs) for inputs in zip(*map(values_of, _INPUTS[rule]), strict=True)]
            for rule in self.deciding
        ]

    def _of(self, record: HashRecord) -> list[float]:
        return [_VALUES[rule](self, *map(record.get, _INPUTS[rule])) for rule in self.deciding]

    def rank(self, record: HashRecord) -> tuple[Any, ...]:
        """Return a key that sorts the picture to keep to the front."""
        return (record.id not in self.kept, *self._of(record), record.id)

    def preferences(self) -> Unmatched:
        """Return what collects the preferences that no picture meets."""
        return Unmatched(self)

    def unmatched(self, records: Iterable[HashRecord]) -> list[str]:
        """
        Return preferences that no picture meets, which are misspelt more often than meant.

        :param records: all pictures.
        """
        preferences = self.preferences()
        for record in records:
            preferences.look([record.get("path")], [record.get("format")])
        return preferences.texts()

    def reason(self, keeper: HashRecord, others: Iterable[HashRecord]) -> str:
        """
        Name the rule that puts the keeper before all others; blank if only their names differ.

        It is ``chosen`` where a person did, and begins with ``uncertain:`` where a later rule prefers another
        picture, or where the keeper is hardly larger than one that equals it otherwise. A preference leaves
        no doubt.
        """
        return self.reason_of(keeper.id, self._of(keeper), map(self._of, others))

    def reason_of(self, name: str, best: Sequence[float], others: Iterable[Sequence[float]]) -> str:
        """
        Return what :meth:`reason` does, of what the rules make of the pictures.

        :param name: of the keeper.
        :param best: a value of it for each rule.
        :param others: the same of the others.
        """
        if name in self.kept:
            return "chosen"
        decisive, doubts = -1, set[str]()
        for values in others:
            beating = next((at for at, value in enumerate(values) if value != best[at]), -1)
            decisive = max(decisive, beating)
            doubts.update(self._doubts(beating, best, values))
        if decisive < 0:
            return ""
        reason = RULES[self.deciding[decisive]]
        return f"uncertain: {reason}, but {' and '.join(sorted(doubts))}" if doubts else reason

    def _doubts(self, beating: int, best: Sequence[float], values: Sequence[float]) -> Iterator[str]:
        """Yield what speaks for a picture that the rule at ``beating`` puts behind the keeper."""
        rules = self.deciding
        if beating < 0 or rules[beating] not in _DOUBTS:
            return
        if rules[beating] == "largest" and best[beating] > _MUCH_LARGER * values[beating]:
            yield "another is hardly smaller"
        for at, rule in enumerate(rules[beating + 1 :], beating + 1):
            if rule == "largest":
                same_pixels = "most_pixels" not in rules or _equal_at(
                    rules.index("most_pixels"), best, values
                )
                preferred = same_pixels and values[at] < _MUCH_LARGER * best[at]
            else:
                preferred = rule in _DOUBTS and values[at] < best[at] < _NO_TIME
            if preferred:
                yield _DOUBTS[rule]


def _equal_at(place: int, best: Sequence[float], values: Sequence[float]) -> bool:
    return best[place] == values[place]


class Unmatched:
    """
    Collects the preferences of a policy that no picture meets.

    :param policy: the policy.
    """

    def __init__(self, policy: SurvivorPolicy) -> None:
        alone = [("preferred_folder", text, SurvivorPolicy(folders=(text,))) for text in policy.folders]
        alone += [("preferred_format", text, SurvivorPolicy(formats=(text,))) for text in policy.formats]
        self._alone = [one for one in alone if one[0] in policy.rules]

    def __bool__(self) -> bool:
        return bool(self._alone)

    def look(self, paths: Sequence[Any], formats: Sequence[Any]) -> None:
        """Take away the preferences that some of these pictures meet."""
        columns = {"path": paths, "format": formats}
        alone = []
        for rule, text, policy in self._alone:
            rows = zip(*map(columns.__getitem__, _INPUTS[rule]), strict=True)
            if all(_VALUES[rule](policy, *row) for row in rows):
                alone.append((rule, text, policy))
        self._alone = alone

    def texts(self) -> list[str]:
        """Return the preferences that are left."""
        return [text for _, text, _ in self._alone]


def _folder(policy: SurvivorPolicy, path: Any) -> int:
    if policy.folders:
        normal = _normal(str(path or ""))
        for place, folder in enumerate(_prefixes(policy.folders)):
            if normal.startswith(folder) and normal != folder:
                return place
    return len(policy.folders)


@lru_cache(maxsize=256)
def _prefixes(folders: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{_normal(folder).rstrip('/')}/" for folder in folders)


def _normal(path: str) -> str:
    """Return a path from the root, without what says nothing in it."""
    # macOS writes an accent beside its letter, Linux and the web write both as one: the same name.
    path = path if path.isascii() else unicodedata.normalize("NFC", path)
    if path.startswith("/") and not path.endswith("/") and "//" not in path and "/." not in path:
        return path
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def _format(policy: SurvivorPolicy, given: Any, path: Any) -> int:
    if not policy.formats:
        return 0
    name = _plain_format(str(given or _ending(str(path or ""))))
    for place, preferred in enumerate(policy.formats):
        if _plain_format(preferred) == name:
            return place
    return len(policy.formats)


def _ending(path: str) -> str:
    stem, _, ending = path.rstrip("/").rpartition("/")[2].rpartition(".")
    return ending if stem else ""


@lru_cache(maxsize=1024)
def _plain_format(name: str) -> str:
    name = name.strip().lower().removeprefix(".")
    return _SAME_FORMAT.get(name, name)


def _created(_: SurvivorPolicy, value: Any) -> float:
    """Return the time of creation in seconds; times without a zone are taken as UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return _NO_TIME
    if not isinstance(value, datetime):
        return _NO_TIME
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()


def _newest(policy: SurvivorPolicy, value: Any) -> float:
    created = _created(policy, value)
    return created if created == _NO_TIME else -created


_VALUES: Final[Mapping[str, Callable[..., float]]] = {
    "preferred_folder": _folder,
    "preferred_format": _format,
    "most_pixels": lambda _, width, height: -int(as_number(width) * as_number(height)),
    "largest": lambda _, size: -as_number(size),
    "oldest": _created,
    "newest": _newest,
}

# The properties of a picture that a rule looks at.
_INPUTS: Final[Mapping[str, tuple[str, ...]]] = {
    "preferred_folder": ("path",),
    "preferred_format": ("format", "path"),
    "most_pixels": ("width", "height"),
    "largest": ("size",),
    "oldest": ("created",),
    "newest": ("created",),
}
