"""
Parses and validates arguments that may be rendered from templates.

A template renders to text, or with native rendering to the Python literal in the text: a hash of sixteen
digits becomes a number, and an undefined value becomes ``None`` or the text ``None``. Each reader accepts
all forms of its type. It rejects anything else with an error that names the argument, the value and the fix.
"""

from __future__ import annotations

import ast
import difflib
import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from numbers import Integral
from types import MappingProxyType
from typing import Any, TypeVar

from airflow_provider_imagekit.exceptions import ImageKitInputError

__all__ = [
    "about",
    "choice",
    "count_or_share",
    "flag",
    "is_absent",
    "items",
    "mapping",
    "meant",
    "named",
    "number",
    "optional_text",
    "refuse_nothing",
    "text",
    "texts",
    "whole_number",
]

_T = TypeVar("_T")
_FLAGS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_WORDS: Mapping[str, int] = MappingProxyType({})
_NATIVE = (
    "render_template_as_native_obj turned it into a number; quote the value, or turn native rendering off."
)


@contextmanager
def named(argument: str) -> Iterator[None]:
    """
    Prefix errors in the block with the name of an argument.

    :param argument: its name.
    :raises ImageKitInputError: the original error, with the name before its message.
    """
    try:
        yield
    except ImageKitInputError as error:
        if argument in error.message:
            raise
        raise error.about(argument) from None


def about(argument: str, rows: Iterable[_T]) -> Iterator[_T]:
    """
    Yield rows, and prefix errors raised on the way with the name of the argument.

    :param argument: its name.
    :param rows: an iterator over the rows.
    :raises ImageKitInputError: as :func:`named` does.
    """
    with named(argument):
        yield from rows


def is_absent(value: object) -> bool:
    """Return whether a value is ``None``, blank, or the text ``None`` that a template renders for it."""
    return value is None or (isinstance(value, str) and value.strip() in {"", "None"})


def meant(word: object, known: Iterable[object]) -> str:
    """
    Suggest the known word that is closest to an unknown one, for the help of an error.

    :param word: the unknown word.
    :param known: the known words.
    :return: such as ``Did you mean 'width'? ``; empty if no word is close.
    """
    near = difflib.get_close_matches(str(word), map(str, known), n=1)
    return f"Did you mean {near[0]!r}? " if near else ""


def text(value: object, argument: str) -> str:
    """
    Read a text.

    :param value: a text, or a whole number that native rendering made of a text.
    :param argument: name of the argument, for the error.
    :raises ImageKitInputError: if the value is absent or not a text.
    """
    found = optional_text(value, argument)
    if found is None:
        raise ImageKitInputError(f"{argument} is {value!r}: the template gave None.", help="Pass a text.")
    return found


def optional_text(value: object, argument: str) -> str | None:
    """
    Read a text; return ``None`` if it is absent (see :func:`is_absent`).

    :param value: a text, or a whole number that native rendering made of a text.
    :param argument: name of the argument, for the error.
    :raises ImageKitInputError: for any other value, including a float and a text with a lone surrogate.
    """
    if is_absent(value):
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        help_text = _NATIVE if isinstance(value, float) else "Pass a text."
        kind = type(value).__name__
        raise ImageKitInputError(f"{argument} is {value!r:.60}, a {kind} instead of a text.", help=help_text)
    if isinstance(_literal(value), list | dict):
        raise ImageKitInputError(
            f"{argument} is {value!r:.60}, a list instead of a text.", help="Pass one text."
        )
    if not value.isascii() and _SURROGATE.search(value):
        raise ImageKitInputError(
            f"{argument} contains an unpaired surrogate.",
            help="Such text comes from bytes that were decoded with a wrong encoding; decode them as UTF-8.",
        )
    return value.strip()


def refuse_nothing(given: Mapping[str, Any], named: Collection[str]) -> None:
    """
    Reject a filter whose template rendered to nothing: without it, the task would select too many files.

    :param given: the rendered filters, by argument name.
    :param named: names of the arguments that the DAG author passed; native rendering can turn a template into
        ``None``.
    :raises ImageKitInputError: for the first filter that was passed but is absent.
    """
    for name, value in given.items():
        if is_absent(value) and (name in named or value is not None):
            raise ImageKitInputError(
                f"{name} is {value!r}: the template gave None.",
                help=f"Without {name} the task would select other files, or the whole library. Leave the "
                "argument out if you want that.",
            )


def items(value: object, argument: str) -> Sequence[Any]:
    """
    Read a list of any values: a list, comma-separated text, or a list as text (JSON or Python).

    :param value: the list; an absent value is an empty list.
    :param argument: name of the argument, for the error.
    :raises ImageKitInputError: for any other value.
    """
    if is_absent(value):
        return ()
    if isinstance(value, str):
        return _list_of_text(value.strip())
    if isinstance(value, Mapping | bytes) or not isinstance(value, Iterable):
        kind = type(value).__name__
        raise ImageKitInputError(
            f"{argument} is {value!r:.60}, a {kind} instead of a list.",
            help="Pass a list, or a text with commas.",
        )
    return value if isinstance(value, Sequence) else tuple(value)


def texts(value: object, argument: str) -> tuple[str, ...]:
    """
    Read a list of texts, in the forms of :func:`items`.

    :param value: the list; an absent value is an empty list.
    :param argument: name of the argument, for the error.
    :raises ImageKitInputError: for any other value.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return tuple(text(item, argument) for item in items(value, argument))


def mapping(value: object, argument: str) -> dict[str, Any]:
    """
    Read an object: a mapping, or an object as text (JSON or Python).

    :param value: the object; an absent value is an empty object.
    :param argument: name of the argument, for the error.
    :raises ImageKitInputError: for any other value.
    """
    if is_absent(value):
        return {}
    found = _literal(value) if isinstance(value, str) else value
    if not isinstance(found, Mapping):
        raise _refusal(value, argument, 'an object such as {"name": "value"}')
    return {text(name, argument): item for name, item in found.items()}


def number(value: object, argument: str, *, least: float = 0.0, most: float = math.inf) -> float:
    """
    Read a number.

    :param value: a number, or a number as text.
    :param argument: name of the argument, for the error.
    :param least: minimum.
    :param most: maximum.
    :raises ImageKitInputError: for any other value.
    """
    found = _number(value)
    if not least <= found <= most or math.isinf(found):
        raise _refusal(value, argument, f"a number {_range(least, most)}")
    return found


def whole_number(
    value: object,
    argument: str,
    *,
    least: int = 0,
    most: float = math.inf,
    words: Mapping[str, int] = _NO_WORDS,
) -> int:
    """
    Read a whole number; ``5``, ``5.0``, ``"5"`` and ``"5.0"`` are the same.

    :param value: a number, or a number as text.
    :param argument: name of the argument, for the error.
    :param least: minimum.
    :param most: maximum.
    :param words: words that are accepted in place of a number.
    :raises ImageKitInputError: for any other value.
    """
    if isinstance(value, str) and value.strip() in words:
        return words[value.strip()]
    found = math.nan if isinstance(value, str) and "e" in value.lower() else _number(value)
    if not least <= found <= most or found % 1:
        or_words = f", or one of: {', '.join(words)}" if words else ""
        raise _refusal(value, argument, f"a whole number {_range(least, most)}{or_words}")
    return int(found)


def count_or_share(value: object, argument: str) -> int | float:
    """
    Read a count, or a share of all: a whole number is a count, a number below 1 or a percentage a share.

    ``1``, ``1.0``, ``"1"`` and ``"1.0"`` are the count one; ``"100%"`` is all.

    :param value: a number, or a number as text, with or without ``%``.
    :param argument: name of the argument, for the error.
    :return: an ``int`` for a count, a ``float`` for a share.
    :raises ImageKitInputError: for any other value.
    """
    percent = isinstance(value, str) and value.strip().endswith("%")
    found = _number(str(value).strip()[:-1]) / 100 if percent else _number(value)
    if 0 <= found <= 1 and (percent or found not in (0, 1)):
        return float(found)
    if percent or not 0 <= found < math.inf or found % 1:
        raise _refusal(value, argument, "a number such as 10, or a share such as 0.05 or 5%")
    return int(found)


def flag(value: object, argument: str) -> bool:
    """
    Read true or false.

    :param value: a bool, 1 or 0, or a text such as ``true``, ``no``, ``off``.
    :param argument: name of the argument, for the error.
    :raises ImageKitInputError: for any other value. An absent value is an error too: the flag may be a
        safety switch.
    """
    found = _FLAGS.get(str(value).strip().lower())
    if found is None:
        raise _refusal(value, argument, "true or false")
    return found


def choice(value: object, argument: str, choices: Iterable[str]) -> str:
    """
    Read one of a few words, ignoring case.

    :param value: the word.
    :param argument: name of the argument, for the error.
    :param choices: the accepted words.
    :raises ImageKitInputError: for any other value.
    """
    words = {str(word).lower(): str(word) for word in choices}
    found = words.get(str(value).strip().lower())
    if found is None:
        raise _refusal(value, argument, f"one of {', '.join(words.values())}")
    return found


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Integral | float | str):
        return math.nan
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        return math.nan
    if not isinstance(value, float):
        with suppress(ValueError):  # keeps every digit of a large number
            return int(value)
    return float(value)


def _range(least: float, most: float) -> str:
    return f"from {least:,g} to {most:,}" if math.isfinite(most) else f"from {least:,g}"


def _list_of_text(value: str) -> Sequence[Any]:
    found = _literal(value)
    return found if isinstance(found, list) else [part.strip() for part in value.split(",") if part.strip()]


def _literal(value: str) -> Any:
    """Parse a text that looks like a list or an object, as JSON or as a Python literal."""
    value = value.strip()
    for parse in (json.loads, ast.literal_eval) if value[:1] + value[-1:] in {"[]", "{}"} else ():
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            return parse(value)
    return None


def _refusal(value: object, argument: str, wanted: str) -> ImageKitInputError:
    gave = ": the template gave None" if is_absent(value) else ""
    return ImageKitInputError(f"{argument} is {value!r:.60}{gave}.", help=f"Use {wanted}.")
