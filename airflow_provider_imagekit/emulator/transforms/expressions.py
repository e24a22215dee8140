"""Parses and evaluates numbers in transformations: ``300``, ``N40``, and arithmetic such as ``iw_div_2``."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Expression"]

_NUMBER = re.compile(r"(N|-)?\d{1,9}(\.\d{1,9})?", re.ASCII)
_NAMES = frozenset({"iw", "ih", "iar", "cw", "ch", "car"})
_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "mod": operator.mod,
    "pow": operator.pow,
}
_MAX_TERMS = 16


@dataclass(frozen=True, slots=True)
class Expression:
    """
    An arithmetic expression of numbers and picture properties, evaluated from left to right.

    :param terms: numbers and property names: ``iw``, ``ih``, ``iar`` of the input picture; ``cw``, ``ch``,
        ``car`` of the picture before the step.
    :param operators: operators between the terms.
    """

    terms: tuple[float | str, ...]
    operators: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Expression:
        """
        Parse ``300``, ``0.5``, ``N40``, ``iw``, ``ih_mul_0.5``, ``iw_sub_20_div_2``.

        :raises ValueError: for any other form.
        """
        parts = text.split("_")
        if len(parts) % 2 == 0 or len(parts) > 2 * _MAX_TERMS:
            raise ValueError(f"{text[:40]!r} is not a number")
        operators = tuple(parts[1::2])
        if any(name not in _OPERATORS for name in operators):
            raise ValueError(f"{text[:40]!r} has an unknown operator")
        return cls(tuple(_term(part) for part in parts[::2]), operators)

    @property
    def constant(self) -> float | None:
        """Return the value if the expression is a single number."""
        return self.terms[0] if len(self.terms) == 1 and isinstance(self.terms[0], float) else None

    def value(self, properties: Mapping[str, float]) -> float:
        """
        Evaluate the expression.

        :param properties: values of the property names.
        :raises ValueError: if the result is not a finite number.
        """
        numbers = [properties[term] if isinstance(term, str) else term for term in self.terms]
        result = numbers[0]
        try:
            for name, number in zip(self.operators, numbers[1:], strict=True):
                result = _OPERATORS[name](result, number)
        except ArithmeticError as error:
            raise ValueError(f"the expression cannot be evaluated: {error}") from error
        if isinstance(result, complex) or not math.isfinite(result):
            raise ValueError("the expression has no finite value")
        return result


def _term(text: str) -> float | str:
    if text in _NAMES:
        return text
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is neither a number nor a property of the picture")
    return float(text.replace("N", "-"))
