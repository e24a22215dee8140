"""Conditions on a row as text, such as ``width >= 2 * height``: a subset of Python without calls."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_imagekit.exceptions import ImageKitInputError

__all__ = ["Expression"]

_Value = Callable[[Mapping[str, Any]], Any]

_MAX_CHARACTERS = 1000
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.Not: operator.not_, ast.USub: operator.neg}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}


class Expression:
    """
    A condition on the columns of a row.

    It can contain names of columns, numbers, texts, lists, ``None``, ``True``, ``False``, ``and``, ``or``,
    ``not``, comparisons, ``in``, ``is None``, ``+``, ``-``, ``*`` and ``/``.

    :param text: the condition, at most 1,000 characters.
    :raises ImageKitInputError: if the condition contains anything else.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        #: Names of the columns in the condition.
        self.columns: set[str] = set()
        try:
            tree = ast.parse(text[: _MAX_CHARACTERS + 1].strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise self._invalid("it is not a valid expression") from error
        if len(text) > _MAX_CHARACTERS:
            raise self._invalid(f"it is longer than {_MAX_CHARACTERS} characters")
        self._value = self._compiled(tree.body)

    def holds(self, row: Mapping[str, Any]) -> bool:
        """
        Return whether the condition holds; it does not if a column used in a calculation is null.

        :param row: values by column.
        """
        try:
            return bool(self._value(row))
        except (TypeError, ZeroDivisionError, OverflowError):
            return False

    def _compiled(self, node: ast.AST) -> _Value:
        if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | bool | None):
            constant = node.value
            return lambda _: constant
        if isinstance(node, ast.Name):
            return self._column(node.id)
        if isinstance(node, ast.Tuple | ast.List):
            items = [self._compiled(item) for item in node.elts]
            return lambda row: [item(row) for item in items]
        if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
            change, value = _UNARY[type(node.op)], self._compiled(node.operand)
            return lambda row: change(value(row))
        return self._combined(node)

    def _column(self, name: str) -> _Value:
        self.columns.add(name)
        return lambda row: row.get(name)

    def _combined(self, node: ast.AST) -> _Value:
        if isinstance(node, ast.BoolOp):
            parts = [self._compiled(part) for part in node.values]
            choose = all if isinstance(node.op, ast.And) else any
            return lambda row: choose(part(row) for part in parts)
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            calculate = _ARITHMETIC[type(node.op)]
            left, right = self._compiled(node.left), self._compiled(node.right)
            return lambda row: calculate(_number(left(row)), _number(right(row)))
        if isinstance(node, ast.Compare) and all(type(each) in _COMPARISONS for each in node.ops):
            values = [self._compiled(value) for value in (node.left, *node.comparators)]
            tests = [_COMPARISONS[type(each)] for each in node.ops]
            return lambda row: all(
                test(values[number](row), values[number + 1](row)) for number, test in enumerate(tests)
            )
        raise self._invalid(f"{ast.unparse(node)!r} is not supported")

    def _invalid(self, reason: str) -> ImageKitInputError:
        return ImageKitInputError(
            f"The expression {self.text!r:.200} cannot be used: {reason}.",
            help="Use columns, numbers, quoted texts, and, or, not, comparisons, in, is None, + - * /.",
        )


def _number(value: Any) -> Any:
    """Return a number for a calculation; a text multiplied by a number could have any length."""
    if isinstance(value, int | float):
        return value
    raise TypeError
