"""Every link within the repository has a target, including its anchor; external links are not requested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted(
    [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("example_dags/*.md")]
)
HOME_PAGE = "https://github.com/airflow-provider-imagekit/airflow-provider-imagekit/"
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    text = re.sub(r"`[^`\n]+`", "``", FENCE.sub("", page.read_text("utf-8")))
    return re.findall(r"]\(([^)\s]+)", text)


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub and the site derive from the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def target(page: Path, link: str) -> tuple[Path, str]:
    """Return the target file and the anchor of a link."""
    place, _, anchor = link.partition("#")
    if place.startswith(HOME_PAGE):
        within = re.sub(r"^(blob|raw|tree)/main/", "", place.removeprefix(HOME_PAGE)) or "README.md"
        return REPOSITORY / within, "" if anchor == "readme" else anchor
    return (page.parent / place).resolve() if place else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_has_an_existing_file_and_heading(page: Path) -> None:
    for link in links(page):
        if re.match(r"[a-z]+:", link) and not link.startswith(HOME_PAGE):
            assert link.startswith("https://"), link
            continue
        if re.match(rf"{HOME_PAGE}(issues|security|discussions)", link):
            continue
        file, anchor = target(page, link)
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link


def test_readme_has_no_relative_links_because_the_package_index_shows_it_alone() -> None:
    found = links(REPOSITORY / "README.md")
    assert len(found) > 10
    assert all(link.startswith("https://") for link in found)
