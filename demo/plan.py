"""The demo's DAG runs: their params, and the descriptions of their results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.catalogue import Catalogue

DEMO_DAG_ID = "imagekit_demo"
HERO_DAG_ID = "example_imagekit_hero_replaced"
WATCH_DAG_ID = "imagekit_demo_watch"
HERO, NEW_HERO = "banners/hero.jpg", "banners/autumn.jpg"
WATCHED = "/incoming"

#: Maximum distance of similar pictures: the level ``near_duplicate``.
MAX_DISTANCE = 8
#: Maximum number of the user's own files.
OWN_FILES = 6

#: Results of a DAG run: task id -> return values of its instances.
Results = dict[str, list[Any]]


@dataclass(frozen=True)
class Run:
    """
    One DAG run.

    :param outcome: returns the result as one sentence.
    """

    dag_id: str
    title: str
    outcome: Callable[[Results], str]
    conf: dict[str, Any]


def _describe_all(results: Results) -> str:
    similar = sum(found["decision"] == "similar" for found in results["compare"][0])
    return (
        f"{len(results['metadata'][0])} pictures, {len(results['compare'][0])} comparisons, {similar} similar"
    )


def _describe_saving(results: Results) -> str:
    return f"a 200 x 200 delivery is {results['saved_bytes'][0] / 1000:.0f} kB smaller than the original"


def _describe_folder(results: Results) -> str:
    found = results["sum_up"][0]
    formats = ", ".join(f"{count} {name}" for name, count in found["formats"].items())
    return f"{found['pictures']} pictures ({formats}), {found['bytes'] / 1000:.0f} kB"


def _describe_table(results: Results) -> str:
    counts, cameras = results["library"][0]["counts"], results["cameras"][0]
    return f"a table of {counts['rows']} pictures from {len(cameras)} kinds of camera"


def _describe_quality(results: Results) -> str:
    found = results["quality"][0]
    return f"{found['checked'] - found['passed']} pictures broke a rule and were {results['review'][0]}"


def _describe_search(results: Results) -> str:
    counts, found = results["facts"][0]["counts"], results["search"][0]
    return f"{counts['updated']} files got custom metadata; ImageKit's search finds {len(found)} by camera"


def _describe_quarantine(results: Results) -> str:
    counts = results["quarantine"][0]["counts"]
    return f"{counts['updated']} arrivals look like the catalogue: unpublished until a reviewer approves"


def _describe_check(results: Results) -> str:
    widths = ", ".join(f"{name}: {distance} bits" for name, distance in results["check"][0].items())
    return f"requested dimensions, same picture ({widths})"


def _describe_watch(results: Results) -> str:
    event, found = results["watch"][0], results["metadata"][0]
    return f"{event['files'][0]['filePath']} arrived: {found['width']} x {found['height']}, {found['pHash']}"


def _describe_parts(results: Results) -> str:
    found = results["merge"][0]
    parts = len(results["search"])
    return f"{found['duplicates']} near-duplicates in {found['groups']} groups, by {parts} parts"


def sample_runs(catalogue: Catalogue) -> list[Run]:
    """Return the runs over the sample catalogue: the demo DAG, then each example DAG unchanged."""
    pairs = [(f"/{v.original}", f"/{v.path}", f"{v.variant}: {v.how}") for v in catalogue.variants]
    photographs = {original.path for original in catalogue.originals if original.source == "photograph"}
    if photographs:
        left, right = "/photos/motorcycle-left.jpg", "/photos/motorcycle-right.jpg"
        pairs.append((left, right, "stereo pair: the same scene from a slightly different position"))
    pairs.append(("/products/mug.jpg", "/products/wristwatch.jpg", "another picture"))
    conf = {
        "deliver": ["/products/mug.jpg", "/landscapes/lavender-field.jpg", "/products/desk-lamp.webp"],
        "pairs": pairs,
        "max_distance": MAX_DISTANCE,
    }
    return [
        Run(DEMO_DAG_ID, "Everything in the catalogue", _describe_all, conf),
        Run("example_imagekit_file_metadata", "Metadata of one file", lambda found: found["describe"][0], {}),
        Run("example_imagekit_remote_url", "Remote and transformed URLs", _describe_saving, {}),
        Run("example_imagekit_mapped_listing", "Mapped over a listing", _describe_folder, {}),
        Run("example_imagekit_similarity_gate", "Gate on similarity", lambda found: found["publish"][0], {}),
        Run("example_imagekit_transformation_check", "Check of deliveries", _describe_check, {}),
        Run("example_imagekit_migration_check", "Deliveries", lambda found: found["switch"][0], {}),
        Run("example_imagekit_banned_images", "Banned pictures", lambda found: found["publish"][0], {}),
        Run(
            "example_imagekit_before_upload",
            "Before an upload",
            lambda found: found["use_existing"][0],
            {},
        ),
        Run(
            "example_imagekit_nightly_duplicates",
            "Duplicates every night",
            lambda found: found["report"][0],
            {},
        ),
        Run("example_imagekit_duplicates_in_parts", "Duplicates in parts", _describe_parts, {}),
        Run("example_imagekit_library_nightly", "Table of the library", _describe_table, {}),
        Run(
            "example_imagekit_after_library",
            "After a table update",
            lambda found: found["report"][0],
            {},
        ),
        Run(
            "example_imagekit_after_replacement",
            "After a replacement",
            lambda found: found["report"][0],
            {},
        ),
        Run("example_imagekit_daily_window", "Table of a day", lambda found: found["report"][0], {}),
        Run("example_imagekit_library_privacy", "Privacy check", lambda found: found["report"][0], {}),
        Run("example_imagekit_library_quality", "Quality gate", _describe_quality, {}),
        Run(HERO_DAG_ID, "Wait for a new hero picture", lambda found: found["start_campaign"][0], {}),
        Run("example_imagekit_searchable_metadata", "Searchable metadata", _describe_search, {}),
        Run("example_imagekit_quarantine", "Quarantine of arrivals", _describe_quarantine, {}),
        Run(WATCH_DAG_ID, "Started by an upload", _describe_watch, {}),
    ]


def own_runs() -> list[Run]:
    """Return the run over the first files of the user's own media library."""
    conf = {"limit": OWN_FILES, "max_distance": MAX_DISTANCE}
    return [Run(DEMO_DAG_ID, "Your own files", _describe_all, conf)]
