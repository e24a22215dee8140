"""Runs every example DAG unchanged in a real Airflow with the local ImageKit server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from demo.catalogue import build
from demo.dagruns import Ended, run_dags
from demo.environment import EXAMPLE_DAGS, REPOSITORY
from demo.page import as_html
from demo.plan import DEMO_DAG_ID, HERO_DAG_ID, WATCH_DAG_ID, sample_runs
from demo.report import Report
from demo.run import collect, meanwhile
from tests.support import AIRFLOW_3

WAITS_FOR_A_PERSON = {"example_imagekit_review_duplicates"}
WAITS_FOR_AN_UPLOAD = {"example_imagekit_on_upload"}
RUN_BY_TESTS_OF_WAREHOUSES = {"example_imagekit_warehouse_duplicates"}

# All examples run in one fixture, which takes a minute and a half on an idle machine.
pytestmark = [pytest.mark.airflow_db, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "airflow.log"


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory, log: Path) -> tuple[dict[str, Ended], Report]:
    """
    Run the demo DAG and all examples once; replace the hero picture while one of them waits for it.

    On Airflow 3 they run without a logical date, like runs started by an asset or a user. The demo and
    Airflow 2 run them with one.
    """
    library = tmp_path_factory.mktemp("library")
    catalogue = build(library)
    folders = (EXAMPLE_DAGS, REPOSITORY / "demo" / "dags")
    with ImageKitEmulator(library=library) as imagekit:
        connection = json.dumps(imagekit.airflow_connection)
        on_start = meanwhile(imagekit, library)
        ended: list[Ended] = []

        def as_they_end() -> Iterator[Ended]:
            # Fetch previews when their run ends, because the quarantine unpublishes some pictures later.
            arguments = {"logical_date": None} if AIRFLOW_3 else {}
            for run in run_dags(sample_runs(catalogue), folders, connection, log, on_start, **arguments):
                ended.append(run)
                yield run

        report = collect("a local server", as_they_end())
        return {run.run.dag_id: run for run in ended}, report


@pytest.fixture(scope="module")
def runs(findings: tuple[dict[str, Ended], Report]) -> dict[str, Ended]:
    return findings[0]


@pytest.fixture(scope="module")
def report(findings: tuple[dict[str, Ended], Report]) -> Report:
    return findings[1]


def test_every_example_is_run_and_succeeds(runs: dict[str, Ended], log: Path) -> None:
    states = {dag_id: run.state for dag_id, run in runs.items()}
    examples = {file.stem for file in EXAMPLE_DAGS.glob("example_*.py")}
    examples -= WAITS_FOR_A_PERSON | WAITS_FOR_AN_UPLOAD | RUN_BY_TESTS_OF_WAREHOUSES
    assert states == dict.fromkeys(examples | {DEMO_DAG_ID, WATCH_DAG_ID}, "success"), log.read_text()[-5000:]


def test_metadata_of_one_file_has_no_coordinates(runs: dict[str, Ended]) -> None:
    results = runs["example_imagekit_file_metadata"].results
    [metadata] = results["metadata"]
    assert (metadata["width"], metadata["height"]) == (960, 640)
    assert metadata["exif"]["image"]["Model"] == "Canon EOS R6"
    assert "gps" not in metadata["exif"]
    assert results["describe"] == [f"960 x 640 pixels, pHash {metadata['pHash']}"]


def test_a_transformed_url_gives_the_metadata_of_the_delivered_picture(runs: dict[str, Ended]) -> None:
    results = runs["example_imagekit_remote_url"].results
    [original], [thumbnail] = results["original"], results["thumbnail"]
    assert set(thumbnail) == {"width", "height", "size", "pHash"}
    assert (thumbnail["width"], thumbnail["height"]) == (200, 200)
    assert results["saved_bytes"] == [original["size"] - thumbnail["size"]]


def test_a_folder_is_mapped_over_file_by_file(runs: dict[str, Ended]) -> None:
    results = runs["example_imagekit_mapped_listing"].results
    assert len(results["metadata"]) == len(results["list_pictures"][0]) == 6
    assert results["sum_up"][0]["formats"] == {"jpg": 4, "webp": 1, "png": 1}


def test_the_gate_lets_a_watermarked_copy_through(runs: dict[str, Ended]) -> None:
    results = runs["example_imagekit_similarity_gate"].results
    [verdict] = results["looks_like_master"]
    assert verdict["matched"] is True
    assert 0 < verdict["distance"] <= 8
    assert results["publish"] == [
        f"Published: {verdict['distance']} of 64 bits differ, {verdict['similarity']:.0%} similar."
    ]


def test_the_campaign_starts_when_the_hero_picture_was_replaced(runs: dict[str, Ended]) -> None:
    run = runs[HERO_DAG_ID]
    [verdict], [before] = run.results["replaced"], run.results["now"]
    assert verdict["reference_phash"] == before["pHash"] != verdict["phash"]
    assert verdict["distance"] >= 16
    assert run.seconds >= 5, "the sensor did not wait"


def test_an_upload_fires_the_watcher_of_the_demo(runs: dict[str, Ended]) -> None:
    [event], [metadata] = runs[WATCH_DAG_ID].results["watch"], runs[WATCH_DAG_ID].results["metadata"]
    assert (event["count"], event["new"]) == (1, 1)
    assert event["files"][0]["filePath"] == "/incoming/autumn.jpg"
    assert set(metadata) == {"width", "height", "pHash"}


def test_the_nightly_table_has_every_picture_and_is_queried_with_duckdb(runs: dict[str, Ended]) -> None:
    results = runs["example_imagekit_library_nightly"].results
    [library], [cameras] = results["library"], results["cameras"]
    assert library["plan"]["metadata_calls"] == library["counts"]["fetched"] > 15
    assert sum(row["pictures"] for row in cameras) == library["counts"]["files"]
    assert {"Canon EOS R6", "unknown"} <= {row["camera"] for row in cameras}


def test_the_privacy_check_names_the_landscapes(runs: dict[str, Ended]) -> None:
    results = runs["example_imagekit_library_privacy"].results
    assert "/landscapes/mountain-lake.jpg" in results["with_coordinates"][0]
    assert not any(path.startswith("/banners") for path in results["with_coordinates"][0])


def test_the_quality_gate_takes_the_branch_to_review(runs: dict[str, Ended]) -> None:
    results = runs["example_imagekit_library_quality"].results
    assert results["review"] == ["sent to review"]
    assert results.get("publish", [None]) == [None]
    [found] = results["quality"]
    assert found["broken"]["min_width"] > 0 == found["broken"]["readable"]
    assert found["branch"] == ["review"]


def test_deliveries_show_the_picture_in_the_requested_dimensions(runs: dict[str, Ended]) -> None:
    results = runs["example_imagekit_transformation_check"].results
    assert [copy["width"] for copy in results["delivered"]] == [160, 320, 640]
    assert set(results["check"][0]) == {"w-160", "w-320", "w-640"}
    assert max(results["check"][0].values()) <= 4


def test_all_deliveries_are_checked_before_a_migration(runs: dict[str, Ended]) -> None:
    results = runs["example_imagekit_migration_check"].results
    assert [report["checked"] for report in results["check"]] == [3, 3]
    assert results["switch"] == ["All 6 deliveries are correct. Switch over."]


def test_a_picture_that_is_not_banned_is_published(runs: dict[str, Ended]) -> None:
    results = runs["example_imagekit_banned_images"].results
    assert results["not_banned"][0]["decision"] == "different"
    assert "/banners/" in results["publish"][0]


def test_a_copy_in_the_library_is_found_before_the_upload(runs: dict[str, Ended]) -> None:
    results = runs["example_imagekit_before_upload"].results
    assert results["in_library"][0]["branch"] == ["use_existing"]
    assert results["upload"] == results["review"] == [None]


def test_the_nightly_search_finds_the_variants(runs: dict[str, Ended]) -> None:
    results = runs["example_imagekit_nightly_duplicates"].results
    [found] = results["find"]
    assert found["groups"] >= 2
    assert found["radius"] == results["radius"][0]["suggested_radius"]


def test_the_camera_of_each_picture_is_found_by_imagekits_own_search(runs: dict[str, Ended]) -> None:
    results = runs["example_imagekit_searchable_metadata"].results
    [facts], [found] = results["facts"], results["search"]
    assert facts["counts"]["updated"] == 5
    paths = sorted(file["filePath"] for file in found)
    assert paths == ["/landscapes/desert-dunes.jpg", "/landscapes/mountain-lake.jpg"]


def test_arrivals_that_look_like_the_catalogue_are_quarantined(runs: dict[str, Ended]) -> None:
    results = runs["example_imagekit_quarantine"].results
    assert results["publish"][0]["counts"]["files"] == 0
    assert results["quarantine"][0]["counts"]["updated"] >= 2


def test_the_report_shows_every_picture_and_distinguishes_variants(report: Report) -> None:
    assert report.succeeded
    assert all(picture.preview.startswith("data:image/") for picture in report.pictures)
    assert "/landscapes/mountain-lake.jpg" in {picture.path for picture in report.pictures}
    by_variant = {c.how.partition(":")[0]: c for c in report.comparisons if "mountain-lake" in c.first.path}
    assert by_variant["recompressed"].decision == "similar"
    assert by_variant["rotated"].decision == "different"
    assert {c.decision for c in report.comparisons if c.how.startswith("delivered")} == {"similar"}


def test_the_page_of_a_real_run_draws_every_comparison(report: Report) -> None:
    page = as_html(report)
    assert len(re.findall("<article", page)) == len(report.comparisons)
    assert "no preview" not in page
