"""Parser of ``searchQuery``: converts text into conditions, without knowledge of the fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["And", "Comparison", "Literal", "Or", "Query", "SearchSyntaxError", "parse"]

_MAX_LENGTH = 8192
_MAX_DEPTH = 20
_OPERATORS = ("=", ":", "<", "<=", ">", ">=", "IN", "HAS", "EXISTS")

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>"(?:[^"\\]|\\.)*"|'[^']*')
      | (?P<sign><=|>=|[=:<>()\[\],])
      | (?P<word>[^\s"'=:<>()\[\],]+)
    )""",
    re.VERBOSE,
)


class SearchSyntaxError(ValueError):
    """Raised for an invalid search query."""


@dataclass(frozen=True, slots=True)
class Literal:
    """
    A value as written.

    :param text: without its quotes.
    :param quoted: whether it was quoted.
    """

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    One condition.

    :param field: name of the field, without quotes.
    :param operator: ``=``, ``:``, ``<``, ``<=``, ``>``, ``>=``, ``IN``, ``HAS`` or ``EXISTS``.
    :param values: values to compare with; several for ``IN``, none for ``EXISTS``.
    :param negated: whether ``NOT`` precedes the operator.
    """

    field: str
    operator: str
    values: tuple[Literal, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class And:
    """
    Conditions joined by ``AND``.

    :param parts: the conditions.
    """

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """
    Conditions joined by ``OR``.

    :param parts: the conditions.
    """

    parts: tuple[Query, ...]


Query = Comparison | And | Or


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # text, sign, word, end
    text: str

    def is_word(self, word: str) -> bool:
        return self.kind == "word" and self.text == word


def parse(text: str) -> Query:
    """
    Parse a search query; ``AND`` binds more tightly than ``OR``.

    :param text: for example ``(size < "1mb" AND width > 500) OR tags IN ["sale", "banner"]``.
    :raises SearchSyntaxError: if the query is invalid, too long or nested too deeply.
    """
    if len(text) > _MAX_LENGTH:
        raise SearchSyntaxError(f"a query may have at most {_MAX_LENGTH} characters")
    parser = _Parser(list(_tokens(text)))
    query = parser.alternatives(0)
    parser.end()
    return query


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while position < len(text.rstrip()):
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise SearchSyntaxError(f"unexpected character at position {position}")
        yield _Token(found.lastgroup, found[found.lastgroup])
        position = found.end()
    yield _Token("end", "")


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._position = 0

    def alternatives(self, depth: int) -> Query:
        parts = [self._conjunction(depth)]
        while self._next.is_word("OR"):
            self._take()
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def end(self) -> None:
        if self._next.kind != "end":
            raise SearchSyntaxError(f"unexpected {self._next.text!r}")

    @property
    def _next(self) -> _Token:
        return self._tokens[self._position]

    def _take(self) -> _Token:
        token = self._next
        if token.kind == "end":
            raise SearchSyntaxError("unexpected end of the query")
        self._position += 1
        return token

    def _expect(self, sign: str) -> None:
        token = self._take()
        if (token.kind, token.text) != ("sign", sign):
            raise SearchSyntaxError(f"expected {sign!r}, got {token.text!r}")

    def _conjunction(self, depth: int) -> Query:
        parts = [self._condition(depth)]
        while self._next.is_word("AND"):
            self._take()
            parts.append(self._condition(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _condition(self, depth: int) -> Query:
        if (self._next.kind, self._next.text) != ("sign", "("):
            return self._comparison()
        if depth >= _MAX_DEPTH:
            raise SearchSyntaxError(f"parentheses may be nested at most {_MAX_DEPTH} deep")
        self._take()
        inner = self.alternatives(depth + 1)
        self._expect(")")
        return inner

    def _comparison(self) -> Comparison:
        field = self._take()
        if field.kind == "sign":
            raise SearchSyntaxError(f"expected a field, got {field.text!r}")
        negated = self._next.is_word("NOT")
        if negated:
            self._take()
        operator = self._take().text
        if operator not in _OPERATORS:
            raise SearchSyntaxError(f"{operator!r} is not an operator")
        return Comparison(_literal(field).text, operator, self._values(operator), negated)

    def _values(self, operator: str) -> tuple[Literal, ...]:
        if operator == "EXISTS":
            return ()
        if operator != "IN":
            return (self._value(),)
        self._expect("[")
        values = [self._element()]
        while self._next.text == "," and self._next.kind == "sign":
            self._take()
            values.append(self._element())
        self._expect("]")
        return tuple(values)

    def _element(self) -> Literal:
        # Documented: strings inside an array must be in double quotes, not in single quotes.
        if self._next.text.startswith("'"):
            raise SearchSyntaxError("strings inside an array must be in double quotes")
        return self._value()

    def _value(self) -> Literal:
        token = self._take()
        if token.kind == "sign":
            raise SearchSyntaxError(f"expected a value, got {token.text!r}")
        return _literal(token)


def _literal(token: _Token) -> Literal:
    if token.kind == "text":
        return Literal(re.sub(r"\\(.)", r"\1", token.text[1:-1]), quoted=True)
    return Literal(token.text, quoted=False)
