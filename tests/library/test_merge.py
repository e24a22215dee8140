"""The merge of stored tables gives the same result as a merge row by row, in both formats."""

from __future__ import annotations

import io
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.arrow_tables import read_batches
from airflow_provider_imagekit.io.tables import TableFormat, json_line
from airflow_provider_imagekit.library.merge import Comparison, merged
from airflow_provider_imagekit.library.table.check import usable
from airflow_provider_imagekit.library.table.files import write_table
from airflow_provider_imagekit.library.table.patterns import patterns_of
from airflow_provider_imagekit.library.table.privacy import GpsPolicy, PersonalPolicy, Privacy
from airflow_provider_imagekit.library.table.rows import ChangedBy, listing_row
from airflow_provider_imagekit.library.table.schema import COLUMNS, LISTING_COLUMNS, Row
from airflow_provider_imagekit.library.table.stored import KEPT, REWRITTEN, Known, stored_table
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
    """Return the rows as JSON, in which 1 and 1.0 differ."""
    return [json.dumps(row) for _, row in stored_table(stream, form).pieces(bytearray(99_999))]


def night(
    published: io.BytesIO,
    form: TableFormat,
    selection: dict[str, Any],
    results: dict[str, Row],
    privacy: Privacy,
) -> tuple[list[str], bytearray]:
    """Compare, record what is fetched, and write the new table."""
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
    """Return the same result with plain dictionaries."""
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


PRIVACIES = [Privacy(gps, personal) for gps in GpsPolicy for personal in PersonalPolicy]


def outcome(
    published: io.BytesIO,
    form: TableFormat,
    selection: dict[str, Any],
    privacy: Privacy,
    *,
    at_once: bool,
    fetched: set[str] = frozenset(),
    changed_by: ChangedBy = ChangedBy.VERSION,
) -> tuple[Any, int]:
    """Return the result of a comparison or its error, and how many rows stayed without decoding."""
    table, worklist = stored_table(published, form), Worklist(changed_by)
    worklist.add((listing_row({"fileId": key, **listing}), None) for key, listing in selection.items())
    known = Known(worklist.listings, patterns_of(privacy)) if at_once else None
    comparison = Comparison(worklist, changed_by, privacy.allows)
    rows: list[Any] = []
    try:
        rows.extend(usable(table.rows(known), "table"))
        comparison.compare(rows)
    except ImageKitInputError as error:
        return str(error), 0
    counts: Counter[State] = worklist.counts()
    for file in list(worklist.listed()):
        if file.key in fetched:
            worklist.settle(file.key, file.version, State.FETCHED, {"width": 7})
    for place in worklist.overruled():
        comparison.marks[place] = REWRITTEN
    entries = list(worklist.entries())
    worklist.close()
    known_rows = sum(row is None for _, row, _ in rows)
    compared = (comparison.marks, comparison.before, comparison.gone, comparison.unlisted)
    return (compared, counts, entries), known_rows


@pytest.mark.parametrize("form", FORMS)
@given(
    before=files,
    rest=st.lists(metadata, min_size=10, max_size=10),
    changes=files,
    gone=st.sets(ids),
    privacy=st.sampled_from(PRIVACIES),
    fetched=st.sets(ids),
    changed_by=st.sampled_from(ChangedBy),
)
def test_rows_that_stay_at_once_are_those_that_stay_one_by_one(
    form: TableFormat,
    before: dict[str, Any],
    rest: list[Row],
    changes: dict[str, Any],
    gone: set[str],
    privacy: Privacy,
    fetched: set[str],
    changed_by: ChangedBy,
) -> None:
    rows = [stored_row(key, before[key], more) for key, more in zip(sorted(before), rest, strict=False)]
    selection = {key: listing for key, listing in (before | changes).items() if key not in gone}
    table = written(rows, form)
    found, _ = outcome(table, form, selection, privacy, at_once=True, fetched=fetched, changed_by=changed_by)
    expected, _ = outcome(
        table, form, selection, privacy, at_once=False, fetched=fetched, changed_by=changed_by
    )
    assert found == expected


SOUND: Row = {
    "width": 640,
    "density": 72.5,
    "has_gps": True,
    "camera_make": 'A "maker" \\ é',
    "captured_at": "2024-03-31T23:59:59.999Z",
    "exif": {"image": {"Make": 'A "maker" \\ é', "XResolution": 72}, "exif": {"LensInfo": [1, 2.5, None]}},
    "other": {"mimeType": "image/jpeg"},
}
LISTING = {"versionInfo": {"id": "a"}, "name": 'a "name"\\é', "updatedAt": EARLIER, "tags": ["é", 1.0, True]}


@pytest.mark.parametrize("form", FORMS)
def test_all_rows_of_an_unchanged_library_stay_at_once(form: TableFormat) -> None:
    selection = {f"{number:05}": LISTING for number in range(9000)}
    table = written([stored_row(key, LISTING, SOUND) for key in selection], form)
    (compared, counts, entries), at_once = outcome(table, form, selection, Privacy(), at_once=True)
    assert (at_once, counts, entries) == (9000, {State.UNCHANGED: 9000}, [])
    assert compared == (bytearray([KEPT]) * 9000, 9000, 0, 0)


@pytest.mark.parametrize("form", FORMS)
def test_changes_among_many_rows_leave_the_others_at_once(form: TableFormat) -> None:
    keys = [f"{number:05}" for number in range(9000)]
    rows = [stored_row(key, LISTING, SOUND) for key in keys if key != "04000"]
    selection = dict.fromkeys(keys, LISTING) | {"00007": LISTING | {"name": "new"}}
    selection |= {"05000": LISTING | {"versionInfo": {"id": "b"}}}
    del selection["08999"]
    table = written(rows, form)
    found, at_once = outcome(table, form, selection, Privacy(), at_once=True, fetched={"00100", "06000"})
    expected, _ = outcome(table, form, selection, Privacy(), at_once=False, fetched={"00100", "06000"})
    assert (found, at_once) == (expected, 9000 - 4)


@pytest.mark.parametrize("changed_by", ChangedBy)
def test_many_new_files_between_the_rows_hide_none_of_them(changed_by: ChangedBy) -> None:
    selection = {f"{number:05}": LISTING for number in range(9000)}
    table = written([stored_row(key, LISTING, SOUND) for key in ("00000", "04500", "08999")], FORMS[0])
    found, _ = outcome(table, FORMS[0], selection, Privacy(), at_once=True, changed_by=changed_by)
    assert found[1] == {State.UNCHANGED: 3, State.NEW: 8997}


@given(
    row=st.sampled_from([SOUND, SOUND | {"latitude": 48.5, "longitude": 9.0, "altitude": None}]),
    place=st.floats(0, 1, exclude_max=True),
    length=st.integers(0, 3),
    text=st.sampled_from(
        [b"", b"0", b"1", b"9", b"e9", b"e999", b".5", b"-", b'"', b",", b"\\", b"\\u0041", b"\xff", b" "]
    )
    | st.sampled_from(
        [b"null", b"[", b"]", b"{", b"}", b"\xed\xa0\x80", b"\r", b"\x00", b"NaN", b"Infinity", b"gps"]
    ),
    privacy=st.sampled_from(PRIVACIES),
)
def test_a_line_edited_by_hand_is_judged_as_if_it_were_read_alone(
    row: Row, place: float, length: int, text: bytes, privacy: Privacy
) -> None:
    line = json_line(stored_row("01", LISTING, row))
    at = int(place * len(line))
    table = line.replace(b"01", b"00", 1) + line[:at] + text + line[at + length :]
    selection = {"00": LISTING, "01": LISTING}
    found, _ = outcome(io.BytesIO(table), FORMS[0], selection, privacy, at_once=True)
    expected, _ = outcome(io.BytesIO(table), FORMS[0], selection, privacy, at_once=False)
    assert found == expected


HOSTILE = [
    {"exif": '{"exif":{"ISO":1,"ISO":{"deep":1}}}'},
    {"exif": '{"gps":{"GPSLatitude":[48,30,0]}}'},
    {"exif": '{"image":{"Artist":"A person"}}'},
    {"exif": '{"image":{"Make":"x"} }'},
    {"exif": '{"image":{"Make":"\\ud800"}}'},
    {"exif": '{"image":{"Make":1e999}}'},
    {"exif": '{"image":{"Make":01}}'},
    {"exif": '{"image":[]}'},
    {"exif": "{}"},
    {"exif": "[" * 99_999},
    {"other": "{}"},
    {"other": '{"x":1}'},
    {"latitude": 48.51},
    {"latitude": 48.5},
    {"altitude": 1.0},
    {"density": float("nan")},
    {"tags": "[1,true,1]"},
    {"tags": "[NaN]"},
    {"error": "ImageKitServerError"},
    {"deleted_at": 0},
    {"captured_at": 253_402_300_800_000},
    {"updated_at": -(2**62)},
    {"version_id": "b"},
]


@pytest.mark.parametrize("privacy", PRIVACIES, ids=lambda privacy: f"{privacy.gps}-{privacy.personal}")
@pytest.mark.parametrize("cells", HOSTILE, ids=lambda cells: f"{cells!r:.40}")
def test_a_cell_edited_by_hand_is_judged_as_if_it_were_read_alone(cells: Row, privacy: Privacy) -> None:
    arrow = parquet.read_table(written([stored_row(key, LISTING, SOUND) for key in ("00", "01")], FORMS[1]))
    for name, value in cells.items():
        column = arrow.column(name).to_pylist()[:1] if "_at" not in name else [None]
        place, kind = arrow.schema.get_field_index(name), arrow.schema.field(name).type
        arrow = arrow.set_column(place, name, [[*column, value]]).cast(
            arrow.schema.set(place, arrow.schema.field(name).with_type(kind))
        )
    table = io.BytesIO()
    parquet.write_table(arrow, table)
    selection = {"00": LISTING, "01": LISTING}
    found, _ = outcome(table, FORMS[1], selection, privacy, at_once=True)
    expected, _ = outcome(table, FORMS[1], selection, privacy, at_once=False)
    assert found == expected
