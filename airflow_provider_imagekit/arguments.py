"""
Read arguments that may come from templates.

A template yields text, or with native rendering whatever Python reads in the text: a hash of sixteen digits
becomes a number, a template of nothing becomes ``None`` or the text ``None``. Each reader takes all forms of
its type and refuses the others with the argument's name, the value and the way out.
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
    "render_template_as_native_obj made a number of it; set a quoted value, or turn native rendering off."
)


@contextmanager
def named(argument: str) -> Iterator[None]:
    """
    Have errors name the argument that they are about.

    :param argument: its name.
    :raises ImageKitInputError: the same error, with the name before its message.
    """
    try:
        yield
    except ImageKitInputError as error:
        if argument in error.message:
            raise
        raise error.about(argument) from None


def about(argument: str, rows: Iterable[_T]) -> Iterator[_T]:
    """
    Yield rows, and have errors on the way name the argument that they come from.

    :param argument: its name.
    :param rows: what reads them.
    :raises ImageKitInputError: as :func:`named` does.
    """
    with named(argument):
        yield from rows


def is_absent(value: object) -> bool:
    """Return whether a value is nothing, or what a template makes of nothing."""
    return value is None or (isinstance(value, str) and value.strip() in {"", "None"})


def meant(word: object, known: Iterable[object]) -> str:
    """
    Return the question for the known word that is nearest to an unknown one, for an error's help.

    :param word: the unknown word.
    :param known: the words that there are.
    :return: such as ``Did you mean 'width'? ``; blank if none is near.
    """
    near = difflib.get_close_matches(str(word), map(str, known), n=1)
    return f"Did you mean {near[0]!r}? " if near else ""


def text(value: object, argument: str) -> str:
    """
    Read a text.

    :param value: a text, or a whole number that native rendering made of one.
    :param argument: its name, for the error.
    :raises ImageKitInputError: for nothing, and for anything else.
    """
    found = optional_text(value, argument)
    if found is None:
        raise ImageKitInputError(f"{argument} is {value!r}: the template gave None.", help="Pass a text.")
    return found


def optional_text(value: object, argument: str) -> str | None:
    """
    Read a text; ``None`` for nothing and for what a template makes of nothing.

    :param value: a text, or a whole number that native rendering made of one.
    :param argument: its name, for the error.
    :raises ImageKitInputError: for anything else; a number with lost digits and half a character among it.
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
            f"{argument} has half a character.",
            help="Such text comes from bytes that were decoded with a wrong encoding; decode them as UTF-8.",
        )
    return value.strip()


def refuse_nothing(given: Mapping[str, Any], named: Collection[str]) -> None:
    """
    Refuse a filter that a template made nothing of: without it, more would be meant than the author wrote.

    :param given: the rendered filters by their arguments' names.
    :param named: the arguments that the DAG author passed; native rendering makes ``None`` of a template.
    :raises ImageKitInputError: for the first that is nothing though it was passed.
    """
    for name, value in given.items():
        if is_absent(value) and (name in named or value is not None):
            raise ImageKitInputError(
                f"{name} is {value!r}: the template gave None.",
                help=f"Without {name} other files would be meant, or the whole library. Leave the argument "
                "out if that is what you want.",
            )


def items(value: object, argument: str) -> Sequence[Any]:
    """
    Read a list of anything: a list, a text with commas, or a list written as text (JSON or Python).

    :param value: the list; nothing is an empty one.
    :param argument: its name, for the error.
    :raises ImageKitInputError: for anything else.
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

    :param value: the list; nothing is an empty one.
    :param argument: its name, for the error.
    :raises ImageKitInputError: for anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return tuple(text(item, argument) for item in items(value, argument))


def mapping(value: object, argument: str) -> dict[str, Any]:
    """
    Read an object: a mapping, or one written as text (JSON or Python).

    :param value: the object; nothing is an empty one.
    :param argument: its name, for the error.
    :raises ImageKitInputError: for anything else.
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

    :param value: a number, or a text of one.
    :param argument: its name, for the error.
    :param least: the smallest that is accepted.
    :param most: the largest that is accepted.
    :raises ImageKitInputError: for anything else.
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

    :param value: a number, or a text of one.
    :param argument: its name, for the error.
    :param least: the smallest that is accepted.
    :param most: the largest that is accepted.
    :param words: names of numbers that are accepted as well.
    :raises ImageKitInputError: for anything else.
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
    Read how many of all: a number from 1, or a share, which is below 1 or in percent.

    ``1``, ``1.0``, ``"1"`` and ``"1.0"`` are the number one; all are ``"100%"``.

    :param value: a number, or a text of one, with ``%`` or without.
    :param argument: its name, for the error.
    :return: an ``int`` for a number, a ``float`` for a share.
    :raises ImageKitInputError: for anything else.
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
    :param argument: its name, for the error.
    :raises ImageKitInputError: for anything else; nothing is not "no", since it may be a safety switch.
    """
    found = _FLAGS.get(str(value).strip().lower())
    if found is None:
        raise _refusal(value, argument, "true or false")
    return found


def choice(value: object, argument: str, choices: Iterable[str]) -> str:
    """
    Read one of a few words; case does not count.

    :param value: the word.
    :param argument: its name, for the error.
    :param choices: the words that are accepted.
    :raises ImageKitInputError: for anything else.
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
        with suppress(ValueError):  # no digit of a large one is lost
            return int(value)
    return float(value)


def _range(least: float, most: float) -> str:
    return f"from {least:,g} to {most:,}" if math.isfinite(most) else f"from {least:,g}"


def _list_of_text(value: str) -> Sequence[Any]:
    found = _literal(value)
    return found if isinstance(found, list) else [part.strip() for part in value.split(",") if part.strip()]


def _literal(value: str) -> Any:
    """Return what a text that looks like a list or an object stands for, as JSON or Python writes it."""
    value = value.strip()
    for parse in (json.loads, ast.literal_eval) if value[:1] + value[-1:] in {"[]", "{}"} else ():
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            return parse(value)
    return None


def _refusal(value: object, argument: str, wanted: str) -> ImageKitInputError:
    gave = ": the template gave None" if is_absent(value) else ""
    return ImageKitInputError(f"{argument} is {value!r:.60}{gave}.", help=f"Use {wanted}.")
