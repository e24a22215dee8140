"""Which picture of a group to keep: a suggestion, for nothing in this package deletes a picture."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.text_columns import found, is_arrow, listed
from airflow_provider_imagekit.similarity.records import as_number, as_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

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

_DOUBT_TEXTS: Final = (*_DOUBTS.values(), "another is hardly smaller")

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

# As endings, and the part of a MIME type behind "image/", are spelled.
_FORMAT: Final = re.compile(r"[a-z0-9][a-z0-9+.-]*")

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
        if lost := [rule for rule, empty in idle.items() if not empty and rule not in self.rules]:
            raise ImageKitInputError(
                f"{lost[0]}s is given, but survivor_rules is {', '.join(self.rules)}.",
                help=f"Add {lost[0]!r} to survivor_rules, or leave {lost[0]}s out.",
            )
        if bad := [name for name in self.formats if not _FORMAT.fullmatch(_plain_format(name))]:
            raise ImageKitInputError(
                f"preferred_formats names {bad[0]!r}, which no picture can have.",
                help="Use names such as jpg, png, webp.",
            )

    @property
    def properties(self) -> list[str]:
        """Return the properties of pictures that the rules look at."""
        return list(dict.fromkeys(name for rule in self.deciding for name in _INPUTS[rule]))

    def values(self, values_of: Callable[[str], Any]) -> list[list[float]]:
        """
        Return for each deciding rule what it makes of every picture; the least is the best.

        :param values_of: returns all pictures' values of a property, as a column.
        """
        return [self._values(rule, list(map(values_of, _INPUTS[rule]))) for rule in self.deciding]

    def _values(self, rule: str, inputs: list[Any]) -> list[float]:
        if rule == "most_pixels":
            width, height = map(as_numbers, inputs)
            return [-int(columns * rows) for columns, rows in zip(width, height, strict=True)]
        if rule == "largest":
            return [-size for size in as_numbers(*inputs)]
        if rule in {"oldest", "newest"} and (times := _usual_times(*inputs)) is not None:
            return times if rule == "oldest" else [_backwards(time) for time in times]
        return [_VALUES[rule](self, *row) for row in zip(*map(listed, inputs), strict=True)]

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
        return (
            "chosen" if keeper.id in self.kept else self.reason_of(self._of(keeper), *map(self._of, others))
        )

    def reason_of(self, best: Sequence[float], *others: Sequence[float]) -> str:
        """
        Return what :meth:`reason` does for a keeper that no person chose.

        :param best: what each rule makes of the keeper.
        :param others: the same of the others.
        """
        decisive, doubts = -1, set[str]()
        for values in others:
            for beating, (value, least) in enumerate(zip(values, best, strict=True)):
                if value != least:
                    decisive = max(decisive, beating)
                    if self.deciding[beating] in _DOUBTS:
                        doubts.update(self._doubts(beating, best, values))
                    break
        return self._text(decisive, doubts)

    def _text(self, decisive: int, doubts: Collection[str]) -> str:
        if decisive < 0:
            return ""
        reason = RULES[self.deciding[decisive]]
        return f"uncertain: {reason}, but {' and '.join(sorted(doubts))}" if doubts else reason

    def reasons_of(
        self, columns: Sequence[Sequence[float]], pictures: Sequence[int], sizes: Sequence[int]
    ) -> list[str]:
        """
        Return what :meth:`reason_of` does, for many groups at once; needs NumPy.

        :param columns: what each rule makes of pictures.
        :param pictures: the places in these columns of each group's keeper and others.
        :param sizes: pictures of each group.
        """
        import numpy as np

        if not sizes:
            return []
        values = np.array(columns, dtype=np.float64)[:, np.asarray(pictures)]
        begins = np.cumsum([0, *sizes[:-1]])
        best = np.repeat(values[:, begins], sizes, axis=1)
        differs = values != best
        beating = np.where(differs.any(axis=0), differs.argmax(axis=0), -1)
        doubts = np.zeros(len(beating), dtype=np.uint8)
        for text, doubtful in self._doubts_of(values, best, beating):
            doubts |= np.where(doubtful, np.uint8(1 << _DOUBT_TEXTS.index(text)), np.uint8(0))
        keys = zip(
            np.maximum.reduceat(beating, begins).tolist(),
            np.bitwise_or.reduceat(doubts, begins).tolist(),
            strict=True,
        )
        texts: dict[tuple[int, int], str] = {}
        reasons = []
        for key in keys:
            if key not in texts:
                said = [text for bit, text in enumerate(_DOUBT_TEXTS) if key[1] >> bit & 1]
                texts[key] = self._text(key[0], said)
            reasons.append(texts[key])
        return reasons

    def _doubts_of(self, values: Any, best: Any, beating: Any) -> Iterator[tuple[str, Any]]:
        """Yield what :meth:`_doubts` does, and of which pictures."""
        rules = self.deciding
        for before, rule in enumerate(rules):
            if rule not in _DOUBTS:
                continue
            here = beating == before
            if rule == "largest":
                yield "another is hardly smaller", here & (best[before] > _MUCH_LARGER * values[before])
            for at in range(before + 1, len(rules)):
                if rules[at] == "largest":
                    preferred = here & (values[at] < _MUCH_LARGER * best[at])
                    if "most_pixels" in rules:
                        pixels = rules.index("most_pixels")
                        preferred &= best[pixels] == values[pixels]
                    yield _DOUBTS["largest"], preferred
                elif rules[at] in _DOUBTS:
                    yield _DOUBTS[rules[at]], here & (values[at] < best[at]) & (best[at] < _NO_TIME)

    def _doubts(self, beating: int, best: Sequence[float], values: Sequence[float]) -> Iterator[str]:
        """Yield what speaks for a picture that the rule at ``beating`` puts behind the keeper."""
        rules = self.deciding
        if rules[beating] == "largest" and best[beating] > _MUCH_LARGER * values[beating]:
            yield "another is hardly smaller"
        for at in range(beating + 1, len(rules)):
            if values[at] >= best[at]:
                continue
            rule = rules[at]
            if rule == "largest":
                same_pixels = "most_pixels" not in rules or _equal_at(
                    rules.index("most_pixels"), best, values
                )
                preferred = same_pixels and values[at] < _MUCH_LARGER * best[at]
            else:
                preferred = rule in _DOUBTS and best[at] < _NO_TIME
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
        self._alone = alone

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
    name = name.strip().lower().removeprefix(".").removeprefix("image/")
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
    return _backwards(_created(policy, value))


def _backwards(time: float) -> float:
    return time if time == _NO_TIME else -time


_USUAL_TIME: Final = r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?Z$"

_VALUES: Final[Mapping[str, Callable[..., float]]] = {
    "preferred_folder": _folder,
    "preferred_format": _format,
    "most_pixels": lambda _, width, height: -int(as_number(width) * as_number(height)),
    "largest": lambda _, size: -as_number(size),
    "oldest": _created,
    "newest": _newest,
}


def _usual_times(column: Any) -> list[float] | None:
    """Return what :func:`_created` makes of texts as ImageKit writes times; ``None`` for another column."""
    if not is_arrow(column) or str(column.type) != "large_string":
        return None
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import compute

    if not compute.all(found(column, _USUAL_TIME)).as_py():
        return None
    try:
        times = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).cast(pa.float64())
    except pa.ArrowInvalid:  # such as the 30th of February
        return None
    seconds: list[float] = compute.divide(times, 1e6).fill_null(_NO_TIME).to_pylist()
    return seconds


# The properties of a picture that a rule looks at.
_INPUTS: Final[Mapping[str, tuple[str, ...]]] = {
    "preferred_folder": ("path",),
    "preferred_format": ("format", "path"),
    "most_pixels": ("width", "height"),
    "largest": ("size",),
    "oldest": ("created",),
    "newest": ("created",),
}
