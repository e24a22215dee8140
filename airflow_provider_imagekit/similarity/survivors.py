"""Suggest which picture of a group to keep."""

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

#: Rules by name, and the reason that a report shows if the rule decides.
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

# The doubt that a report shows if a later rule prefers another picture.
_DOUBTS: Final[Mapping[str, str]] = {
    "most_pixels": "another has more pixels",
    "largest": "another is a much larger file",
    "oldest": "another is older",
    "newest": "another is newer",
}

_DOUBT_TEXTS: Final = (*_DOUBTS.values(), "another is hardly smaller")

# At equal pixels, re-encoding changes the file size by more than this factor. An overlay or a new tone
# changes it by less, in either direction, so a smaller difference means nothing.
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

# The form of file endings, and of the part of a MIME type after "image/".
_FORMAT: Final = re.compile(r"[a-z0-9][a-z0-9+.-]*")

# Pictures of unknown age are neither the oldest nor the newest.
_NO_TIME = float("inf")


@dataclass(frozen=True, slots=True)
class SurvivorPolicy:
    """
    Rules that rank the pictures of a group.

    Each rule breaks the ties of the previous one; the name breaks the remaining ties.

    :param rules: names from :data:`RULES`.
    :param folders: folders whose pictures to keep, most preferred first; subfolders included.
    :param formats: formats to keep, most preferred first, such as ``png``, ``jpg``.
    :param kept: names of the pictures that a person chose to keep; they override all rules.
    """

    rules: tuple[str, ...] = DEFAULT_RULES
    folders: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()
    #: The rules that can rank pictures: a preference needs its list.
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
        """Return the properties of pictures that the rules use."""
        return list(dict.fromkeys(name for rule in self.deciding for name in _INPUTS[rule]))

    def values(self, values_of: Callable[[str], Any]) -> list[list[float]]:
        """
        Return each deciding rule's values of all pictures; the lowest value is the best.

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
        """Return a sort key that puts the picture to keep first."""
        return (record.id not in self.kept, *self._of(record), record.id)

    def preferences(self) -> Unmatched:
        """Return a collector of the preferences that no picture matches."""
        return Unmatched(self)

    def unmatched(self, records: Iterable[HashRecord]) -> list[str]:
        """
        Return preferences that no picture matches; most often they are misspelt.

        :param records: all pictures.
        """
        preferences = self.preferences()
        for record in records:
            preferences.discard_matched([record.get("path")], [record.get("format")])
        return preferences.texts()

    def reason(self, keeper: HashRecord, others: Iterable[HashRecord]) -> str:
        """
        Return the reason why the keeper ranks before all others; blank if only their names differ.

        The reason is ``chosen`` if a person chose the keeper. It begins with ``uncertain:`` if a later rule
        prefers another picture, or if the keeper is hardly larger than an otherwise equal picture. A picture
        that a preference ranks lower raises no doubt.
        """
        return (
            "chosen" if keeper.id in self.kept else self.reason_of(self._of(keeper), *map(self._of, others))
        )

    def reason_of(self, best: Sequence[float], *others: Sequence[float]) -> str:
        """
        Return the :meth:`reason` of a keeper that no person chose.

        :param best: each deciding rule's value of the keeper.
        :param others: the same values of each of the others.
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
        Return :meth:`reason_of` for many groups at once; needs NumPy.

        :param columns: each deciding rule's values of pictures.
        :param pictures: the places in these columns of each group's keeper and others.
        :param sizes: number of pictures of each group.
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
                doubt_texts = [text for bit, text in enumerate(_DOUBT_TEXTS) if key[1] >> bit & 1]
                texts[key] = self._text(key[0], doubt_texts)
            reasons.append(texts[key])
        return reasons

    def _doubts_of(self, values: Any, best: Any, beating: Any) -> Iterator[tuple[str, Any]]:
        """Yield each text of :meth:`_doubts` and the pictures that it applies to."""
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
        """Yield the doubts about ranking the keeper before a picture by the rule at ``beating``."""
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
    Collects the preferences of a policy that no picture matches.

    :param policy: the policy.
    """

    def __init__(self, policy: SurvivorPolicy) -> None:
        alone = [("preferred_folder", text, SurvivorPolicy(folders=(text,))) for text in policy.folders]
        alone += [("preferred_format", text, SurvivorPolicy(formats=(text,))) for text in policy.formats]
        self._alone = alone

    def __bool__(self) -> bool:
        return bool(self._alone)

    def discard_matched(self, paths: Sequence[Any], formats: Sequence[Any]) -> None:
        """Remove the preferences that one of these pictures matches."""
        columns = {"path": paths, "format": formats}
        alone = []
        for rule, text, policy in self._alone:
            rows = zip(*map(columns.__getitem__, _INPUTS[rule]), strict=True)
            if all(_VALUES[rule](policy, *row) for row in rows):
                alone.append((rule, text, policy))
        self._alone = alone

    def texts(self) -> list[str]:
        """Return the remaining preferences."""
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
    """Return an absolute path without empty and ``.`` parts."""
    # macOS writes a letter and its accent as two characters, Linux and the web as one.
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
    """Return the time of creation in seconds; a time without a zone is read as UTC."""
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
    """Return :func:`_created` of times as ImageKit writes them; ``None`` if the column has other values."""
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


# The properties of a picture that a rule uses.
_INPUTS: Final[Mapping[str, tuple[str, ...]]] = {
    "preferred_folder": ("path",),
    "preferred_format": ("format", "path"),
    "most_pixels": ("width", "height"),
    "largest": ("size",),
    "oldest": ("created",),
    "newest": ("created",),
}
