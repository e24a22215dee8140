"""Generate the search for near-duplicates as SQL, for hashes that are in a warehouse."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.similarity.distance import check_radius
from airflow_provider_imagekit.similarity.pairs.chunks import plan_chunks

__all__ = ["Dialect", "near_duplicates_sql"]


class Dialect(StrEnum):
    """An engine to generate SQL for. The SQL for BigQuery and Snowflake has not been run on them."""

    DUCKDB = "duckdb"
    POSTGRES = "postgres"
    SPARK = "spark"
    BIGQUERY = "bigquery"
    SNOWFLAKE = "snowflake"


_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")

# SQL expressions: the 64 bits of 16 hexadecimal digits, the number of bits that differ between two hashes,
# the value of a chunk, and the value that faces it.
_BITS: Final = {
    Dialect.DUCKDB: "CAST('0x' || lpad({phash}, 16, '0') AS UBIGINT)",
    Dialect.POSTGRES: "('x' || lpad({phash}, 16, '0'))::bit(64)::bigint",
    Dialect.SPARK: "(shiftleft(CAST(conv(substr(lpad({phash}, 16, '0'), 1, 8), 16, 10) AS BIGINT), 32)"
    " | CAST(conv(substr(lpad({phash}, 16, '0'), 9, 8), 16, 10) AS BIGINT))",
    Dialect.BIGQUERY: "((CAST(CONCAT('0x', SUBSTR(LPAD({phash}, 16, '0'), 1, 8)) AS INT64) << 32)"
    " | CAST(CONCAT('0x', SUBSTR(LPAD({phash}, 16, '0'), 9, 8)) AS INT64))",
    Dialect.SNOWFLAKE: "TO_NUMBER(LPAD({phash}, 16, '0'), 'XXXXXXXXXXXXXXXX')",
}
# Snowflake cannot count bits, so hexadecimal digits are counted by how many bits each has.
_DIGITS: Final = "TO_CHAR(BITXOR(a.bits, b.bits), 'FMXXXXXXXXXXXXXXXX'), '[{digits}]', 1, 'i'"
_DISTANCE: Final = {
    Dialect.DUCKDB: "bit_count(xor(a.bits, b.bits))",
    Dialect.POSTGRES: "bit_count((a.bits # b.bits)::bit(64))",
    Dialect.SPARK: "bit_count(a.bits ^ b.bits)",
    Dialect.BIGQUERY: "BIT_COUNT(a.bits ^ b.bits)",
    Dialect.SNOWFLAKE: "("
    + " + ".join(
        f"{bits} * REGEXP_COUNT({_DIGITS.format(digits=digits)})"
        for bits, digits in enumerate(("1248", "3569AC", "7BDE", "F"), start=1)
    )
    + ")",
}
_CHUNK: Final = dict.fromkeys(Dialect, "CAST((bits >> {shift}) & {mask} AS BIGINT)") | {
    Dialect.SPARK: "(shiftrightunsigned(bits, {shift}) & {mask})",
    Dialect.BIGQUERY: "((bits >> {shift}) & {mask})",
    Dialect.SNOWFLAKE: "BITAND(BITSHIFTRIGHT(bits, {shift}), {mask})",
}
_FACING: Final = dict.fromkeys(Dialect, "a.value ^ m.mask") | {
    Dialect.DUCKDB: "xor(a.value, m.mask)",
    Dialect.POSTGRES: "a.value # m.mask",
    Dialect.SNOWFLAKE: "BITXOR(a.value, m.mask)",
}
_TABLE: Final = dict.fromkeys(Dialect, "(VALUES {values}) AS plan(chunk, mask)") | {
    Dialect.BIGQUERY: "UNNEST(ARRAY<STRUCT<chunk INT64, mask INT64>>[{values}])",
}
_INTEGER: Final = dict.fromkeys(Dialect, "BIGINT") | {Dialect.BIGQUERY: "INT64"}


def near_duplicates_sql(
    *,
    dialect: str,
    radius: object,
    rows: int,
    table: str = "library",
    id_column: str = "file_id",
    phash_column: str = "phash",
    force: bool = False,
) -> str:
    """
    Return a query that finds every pair of near-duplicates in a table, with the package's own search.

    Its columns are ``id``, ``other_id`` and ``distance``; the smaller id of a pair comes first. Rows without
    a hash are left out, and so are black and transparent pictures, whose hash is zero.

    :param dialect: one of :class:`Dialect`.
    :param radius: maximum distance, in bits or by name.
    :param rows: approximate number of rows of the table; it affects the plan of the search, not the result.
    :param table: the table's name.
    :param id_column: column of the pictures' names, which are unique.
    :param phash_column: column of their hashes, as hexadecimal text.
    :param force: accept a radius at which unrelated pictures match.
    :raises ImageKitInputError: for an unknown dialect, an invalid or too large radius, or a name with other
        characters than letters, digits, ``_`` and dots.
    """
    if dialect not in list(Dialect):
        raise ImageKitInputError(f"dialect is {dialect!r:.60}.", help=f"Use one of: {', '.join(Dialect)}.")
    for argument, name in (("table", table), ("id_column", id_column), ("phash_column", phash_column)):
        if not _NAME.fullmatch(name):
            raise ImageKitInputError(
                f"{argument} is {name!r:.100}.", help="Use a plain name: letters, digits, _ and dots."
            )
    form = Dialect(dialect)
    chunks = plan_chunks(rows, None, check_radius(radius, "radius", force=force))
    bands, masks = [], []
    for number, chunk in enumerate(chunks):
        value = _CHUNK[form].format(shift=chunk.shift, mask=(1 << chunk.width) - 1)
        bands.append(f"SELECT id, bits, {number} AS chunk, {value} AS value FROM hashes")  # noqa: S608
        masks += [f"({number}, {mask})" for mask in chunk.masks()]
    bits = _BITS[form].format(phash=phash_column)
    between = "\n  UNION ALL "
    values = _TABLE[form].format(values=", ".join(masks))
    return f"""WITH hashes AS (
  SELECT {id_column} AS id, {bits} AS bits
  FROM {table} WHERE {phash_column} IS NOT NULL AND {phash_column} <> ''
), masks AS (
  SELECT chunk, CAST(mask AS {_INTEGER[form]}) AS mask FROM {values}
), bands AS (
  {between.join(bands)}
)
SELECT DISTINCT a.id AS id, b.id AS other_id, {_DISTANCE[form]} AS distance
FROM bands a
JOIN masks m ON m.chunk = a.chunk
JOIN bands b ON b.chunk = a.chunk AND b.value = {_FACING[form]}
WHERE a.id < b.id AND a.bits <> 0 AND b.bits <> 0
  AND {_DISTANCE[form]} <= {check_radius(radius, "radius", force=force)}
"""  # noqa: S608 - the names are checked; the rest is generated here
