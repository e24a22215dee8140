"""Quality rules for the rows of a library's table, and the inspection that applies them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_provider_imagekit.arguments import choice, meant, number, text, texts
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.library.expressions import Expression

__all__ = ["KINDS", "VIOLATION_COLUMNS", "Inspection", "Rule", "Severity", "parse_rules"]

#: Columns of the table of violations.
VIOLATION_COLUMNS: Mapping[str, type] = {
    "file_id": str,
    "path": str,
    "rule": str,
    "severity": str,
    "column": str,
    "value": str,
    "url": str,
    "media_library_url": str,
}


class Severity(StrEnum):
    """Consequence of a broken rule."""

    FAIL = "fail"
    BRANCH = "branch"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Rule:
    """
    A quality rule.

    :param name: its name in counts and tables.
    :param severity: consequence if it is broken.
    :param columns: columns that it checks.
    :param holds: returns whether a row satisfies it.
    """

    name: str
    severity: Severity
    columns: tuple[str, ...]
    holds: Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class _Kind:
    columns: tuple[str, ...]
    #: Returns the test of a row's values for the rule's value.
    test: Callable[[Any], Callable[..., bool]]
    read: Callable[[Any], Any] | None = None


def _number_of(value: Any) -> float:
    return number(value, "value")


def _formats_of(value: Any) -> tuple[str, ...]:
    return tuple(each.lower() for each in texts(value, "value"))


def _known(*values: Any) -> bool:
    return all(value is not None for value in values)


def _ratio(width: Any, height: Any) -> float:
    return float(width) / height if _known(width, height) and height else 0.0


#: The named rules; ``expression`` is handled separately.
KINDS: dict[str, _Kind] = {
    "min_width": _Kind(
        ("width",), lambda minimum: lambda width: _known(width) and width >= minimum, _number_of
    ),
    "min_height": _Kind(
        ("height",), lambda minimum: lambda height: _known(height) and height >= minimum, _number_of
    ),
    "min_side": _Kind(
        ("width", "height"),
        lambda minimum: lambda *sides: _known(*sides) and min(sides) >= minimum,
        _number_of,
    ),
    "min_ratio": _Kind(
        ("width", "height"), lambda minimum: lambda *sides: _ratio(*sides) >= minimum, _number_of
    ),
    "max_ratio": _Kind(
        ("width", "height"), lambda maximum: lambda *sides: 0 < _ratio(*sides) <= maximum, _number_of
    ),
    "min_size": _Kind(("size",), lambda minimum: lambda size: _known(size) and size >= minimum, _number_of),
    "max_size": _Kind(("size",), lambda maximum: lambda size: _known(size) and size <= maximum, _number_of),
    "format": _Kind(("format",), lambda formats: lambda found: str(found).lower() in formats, _formats_of),
    "readable": _Kind(("error",), lambda _: lambda error: not error),
    "color_profile": _Kind(("has_color_profile",), lambda _: lambda found: found is True),
    "no_gps": _Kind(("has_gps",), lambda _: lambda found: found is False),
    "captured_at": _Kind(("captured_at",), lambda _: _known),
    "phash": _Kind(("phash",), lambda _: _known),
}
_EXPRESSION = "expression"
_KEYS = {"rule", "value", "severity", "name"}


def parse_rules(rules: Any) -> tuple[Rule, ...]:
    """
    Parse rules.

    :param rules: objects such as ``{"rule": "min_width", "value": 1000, "severity": "warn"}``. ``severity``
        defaults to ``fail``. ``name`` is the rule's name in counts, which must differ between rules.
    :raises ImageKitInputError: if there are no rules, or one of them is invalid.
    """
    if isinstance(rules, str | Mapping) or not isinstance(rules, Sequence) or not rules:
        raise ImageKitInputError(
            f"rules is {rules!r:.200}.", help='Pass a list such as [{"rule": "min_width", "value": 1000}].'
        )
    parsed = tuple(_rule(each, f"rules[{index}]") for index, each in enumerate(rules))
    twice = [name for name, count in Counter(rule.name for rule in parsed).items() if count > 1]
    if twice:
        raise ImageKitInputError(
            f"rules has {twice[0]!r} more than once.", help='Give each rule a different "name".'
        )
    return parsed


def _rule(given: Any, where: str) -> Rule:
    if not isinstance(given, Mapping) or "rule" not in given:
        raise ImageKitInputError(
            f"{where} is {given!r:.200}.", help='Pass an object such as {"rule": "min_width", "value": 1000}.'
        )
    if unknown := sorted(map(str, set(given) - _KEYS)):
        raise ImageKitInputError(
            f"{where} has the unknown key {unknown[0]!r}.", help=f"Use {', '.join(sorted(_KEYS))}."
        )
    kind = text(given["rule"], f"{where}.rule")
    severity = Severity(choice(given.get("severity", Severity.FAIL), f"{where}.severity", Severity))
    if kind == _EXPRESSION:
        expression = Expression(text(given.get("value"), f"{where}.value"))
        name = str(given.get("name") or expression.text)
        return Rule(name, severity, tuple(sorted(expression.columns)), expression.holds)
    if kind not in KINDS:
        raise ImageKitInputError(
            f"{where}.rule is {kind!r}, which is not a known rule.",
            help=f"{meant(kind, KINDS)}Use one of {', '.join([*KINDS, _EXPRESSION])}.",
        )
    return _named_rule(kind, given, severity, where)


def _named_rule(kind: str, given: Mapping[str, Any], severity: Severity, where: str) -> Rule:
    found = KINDS[kind]
    if (found.read is None) != (given.get("value") is None):
        needs = "needs a value" if found.read else "accepts no value"
        raise ImageKitInputError(f"{where}: {kind} {needs}, but value is {given.get('value')!r:.60}.")
    try:
        value = found.read(given["value"]) if found.read else None
    except ImageKitInputError as error:
        raise ImageKitInputError(f"{where}: {error.message}", help=error.help) from error
    test = found.test(value)
    name = str(given.get("name") or kind)
    return Rule(name, severity, found.columns, lambda row: test(*map(row.get, found.columns)))


class Inspection:
    """
    Checks rows against rules, and counts the violations.

    Rows with a ``deleted_at`` and rows of files that are not images are skipped.

    :param rules: the rules to check.
    """

    def __init__(self, rules: Collection[Rule]) -> None:
        self._rules = rules
        self.checked = 0
        self.passed = 0
        self.broken: Counter[str] = Counter({rule.name: 0 for rule in rules})
        self._severities: set[Severity] = set()

    def violations(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """
        Yield a violation for each rule that a row breaks.

        :param rows: rows of a library's table.
        :raises ImageKitInputError: if a column that a rule needs is missing.
        """
        for row in rows:
            if not self.checked:
                self._check_columns(row)
            if row.get("deleted_at") or row.get("file_type") == "non-image":
                continue
            self.checked += 1
            broken = [rule for rule in self._rules if not rule.holds(row)]
            self.passed += not broken
            for rule in broken:
                self.broken[rule.name] += 1
                self._severities.add(rule.severity)
                yield _violation(row, rule)

    @property
    def severity(self) -> Severity | None:
        """The highest severity among the broken rules; ``None`` if none was broken."""
        return next((severity for severity in Severity if severity in self._severities), None)

    @property
    def score(self) -> float:
        """The share of checked rows that satisfy all rules; 1 if no row was checked."""
        return self.passed / self.checked if self.checked else 1.0

    def _check_columns(self, row: Mapping[str, Any]) -> None:
        for rule in self._rules:
            if missing := [name for name in rule.columns if name not in row]:
                raise ImageKitInputError(
                    f"The rule {rule.name!r} needs the column {missing[0]!r}, which the table does not have.",
                    help=f"{meant(missing[0], row)}It has: {', '.join(map(str, row))}.",
                )


def _violation(row: Mapping[str, Any], rule: Rule) -> dict[str, Any]:
    values = [str(row.get(name)) for name in rule.columns]
    return {
        "file_id": row.get("file_id"),
        "path": row.get("path"),
        "rule": rule.name,
        "severity": rule.severity.value,
        "column": ", ".join(rule.columns),
        "value": ", ".join(values),
        "url": row.get("url"),
    }
