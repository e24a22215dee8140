"""Whatever stays and whatever changes, both forms of table hold what a merge row by row gives."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from airflow_provider_imagekit.io.arrow_tables import read_batches
from airflow_provider_imagekit.io.tables import TableFormat, json_line
from airflow_provider_imagekit.library.merge import Comparison, merged
from airflow_provider_imagekit.library.table.check import usable
from airflow_provider_imagekit.library.table.files import write_table
from airflow_provider_imagekit.library.table.privacy import GpsPolicy, PersonalPolicy, Privacy
from airflow_provider_imagekit.library.table.rows import ChangedBy, listing_row
from airflow_provider_imagekit.library.table.schema import COLUMNS, LISTING_COLUMNS, Row
from airflow_provider_imagekit.library.table.stored import KEPT, REWRITTEN, stored_table
from airflow_provider_imagekit.library.worklist import State, Worklist

pytestmark = pytest.mark.slow

NIGHT, EARLIER = "2026-02-02T00:00:00.000Z", "2026-01-01T00:00:00.000Z"
NAMES = [column.name for column in COLUMNS]
FORMS = [TableFormat.JSONL, TableFormat.PARQUET]
KEEP = Privacy(GpsPolicy.KEEP, PersonalPolicy.KEEP)

texts = (
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
    .map(str.strip)
    .map(lambda t: t or None)
)
odd = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(-9, 9)
    | st.text('a\\"\n%é😀\u2028', max_size=4)
)
ids = st.integers(0, 11).map("{:02}é".format)
listings = st.fixed_dictionaries(
    {
        "versionInfo": st.sampled_from([None, {"id": "a"}, {"id": "b"}]),
        "name": texts,
        "updatedAt": st.sampled_from([None, EARLIER]),
        "tags": st.none() | st.lists(odd, max_size=2),
        "customMetadata": st.none() | st.dictionaries(st.sampled_from(["x", "é y"]), odd, max_size=2),
    }
)
metadata = st.fixed_dictionaries(
    {
        "width": st.none() | st.integers(-(2**63), 2**63 - 1),
        "density": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "latitude": st.none() | st.floats(-90, 90),
        "exif": st.none()
        | st.dictionaries(
            st.sampled_from(["exif", "gps"]),
            st.dictionaries(st.sampled_from(["ISO", "UserComment", "Lens"]), odd | st.lists(odd), max_size=2),
            max_size=2,
        ),
        "captured_at": st.sampled_from([None, "1826-07-01T00:00:00.001Z", EARLIER]),
        "error": st.sampled_from([None, None, "ImageKitBadRequestError", "ImageKitServerError"]),
        "deleted_at": st.sampled_from([None, None, EARLIER]),
    }
)
files = st.dictionaries(ids, listings, max_size=10)


def stored_row(file_id: str, listing: dict[str, Any], rest: Row) -> Row:
    return dict.fromkeys(NAMES) | listing_row({"fileId": file_id, **listing}) | rest


def written(rows: list[Row], form: TableFormat) -> io.BytesIO:
    stream = io.BytesIO()
    write_table(stream, rows, form)
    return io.BytesIO(stream.getvalue())


def read(stream: io.BytesIO, form: TableFormat) -> list[str]:
    """Return the rows as JSON, to which 1 and 1.0 are two."""
    return [json.dumps(row) for _, row in stored_table(stream, form).pieces(bytearray(99_999))]


def night(
    published: io.BytesIO,
    form: TableFormat,
    selection: dict[str, Any],
    results: dict[str, Row],
    privacy: Privacy,
) -> tuple[list[str], bytearray]:
    """Compare, settle what is fetched, and write the new table."""
    table, worklist, output = stored_table(published, form), Worklist(ChangedBy.VERSION), io.BytesIO()
    worklist.add((listing_row({"fileId": key, **listing}), None) for key, listing in selection.items())
    comparison = Comparison(worklist, ChangedBy.VERSION, privacy.allows)
    comparison.compare(usable(table.rows(), "table"))
    for file in list(worklist.listed()):
        if file.key in results:
            worklist.settle(file.key, file.version, State.FETCHED, results[file.key])
    for place in worklist.overruled():
        comparison.marks[place] = REWRITTEN
    pieces = merged(table.pieces(comparison.marks), worklist.entries(), run_time=NIGHT, redact=privacy.apply)
    count = write_table(output, pieces, form)
    worklist.close()
    rows = read(io.BytesIO(output.getvalue()), form)
    assert count == len(rows)
    return rows, comparison.marks


def by_rows(
    published: list[Row], selection: dict[str, Any], results: dict[str, Row], privacy: Privacy
) -> list[str]:
    """Return the same by dictionaries alone."""
    new = {
        row["file_id"]: privacy.apply(row | {"deleted_at": row["deleted_at"] or NIGHT}) for row in published
    }
    before = {row["file_id"]: row for row in published}
    for key, listing in selection.items():
        now, old = listing_row({"fileId": key, **listing}), before.get(key)
        version = now["version_id"] or now["updated_at"]
        is_known = old and version and (old["version_id"] or old["updated_at"]) == version
        if is_known and old["error"] in (None, "ImageKitBadRequestError") and key not in results:
            new[key] = privacy.apply(old) | now | {"deleted_at": None}
        else:
            new[key] = dict.fromkeys(NAMES) | results.get(key, {}) | now
    return [json.dumps({name: new[key][name] for name in NAMES}) for key in sorted(new)]


@pytest.mark.parametrize("form", FORMS)
@given(
    before=files,
    rest=st.lists(metadata, min_size=10, max_size=10),
    changes=files,
    gone=st.sets(ids),
    privacy=st.sampled_from([Privacy(), KEEP]),
    fetched=st.sets(ids),
)
def test_a_night_gives_the_table_that_a_merge_row_by_row_gives(
    form: TableFormat,
    before: dict[str, Any],
    rest: list[Row],
    changes: dict[str, Any],
    gone: set[str],
    privacy: Privacy,
    fetched: set[str],
) -> None:
    published = [stored_row(key, before[key], more) for key, more in zip(sorted(before), rest, strict=False)]
    selection = {key: listing for key, listing in (before | changes).items() if key not in gone}
    results = {key: {"width": 7, "exif": None} for key in fetched}
    rows, _ = night(written(published, form), form, selection, results, privacy)
    assert rows == by_rows(published, selection, results, privacy)


@pytest.mark.parametrize("form", FORMS)
@given(before=files, rest=st.lists(metadata, min_size=10, max_size=10))
def test_after_one_night_every_row_stays_as_it_is_stored(
    form: TableFormat, before: dict[str, Any], rest: list[Row]
) -> None:
    sound = [row | {"error": None} for row in rest]
    published = [stored_row(key, before[key], more) for key, more in zip(sorted(before), sound, strict=False)]
    selection = {key: listing | {"versionInfo": {"id": "a"}} for key, listing in before.items()}
    first, _ = night(written(published, form), form, selection, {}, Privacy())
    table = written([json.loads(row) for row in first], form)
    second, marks = night(table, form, selection, {}, Privacy())
    assert (second, set(marks) - {KEPT}) == (first, set())


def test_lines_that_others_wrote_are_read_and_written_again() -> None:
    rows = [stored_row(f"0{n}", {"versionInfo": {"id": "a"}}, {"width": n}) for n in range(6)]
    lines = [json_line(row) for row in rows]
    lines[0] = json.dumps(rows[0] | {"more": 1}).encode() + b"\r\n\n"
    lines[1] = json_line(dict(reversed(rows[1].items())))
    lines[2] = json_line({name: rows[2][name] for name in (*LISTING_COLUMNS, "width", "deleted_at")})
    lines[3] = b"\n" + lines[3]
    lines[-1] = lines[-1].rstrip()
    selection = {row["file_id"]: {"versionInfo": {"id": "a"}} for row in rows}
    new, marks = night(io.BytesIO(b"".join(lines)), TableFormat.JSONL, selection, {}, Privacy())
    assert new == [json.dumps(row) for row in rows]
    assert list(marks) == [0, 0, 0, 1, 1, 1]


def test_row_groups_keep_their_size_beside_scattered_changes() -> None:
    rows = [stored_row(f"{n:05}", {"versionInfo": {"id": "a"}}, {"width": n}) for n in range(10_000)]
    batch = next(read_batches(written(rows, TableFormat.PARQUET), None, 10_000))
    pieces = [batch.slice(n, 99) if n % 2 else rows[n] for n in range(0, 9_000, 99)]
    stream = io.BytesIO()
    assert write_table(stream, pieces, TableFormat.PARQUET) == 46 + 45 * 99
    assert parquet.ParquetFile(stream).num_row_groups == 2
