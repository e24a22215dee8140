"""Checks a release (builds, content, README, version, changelog) and writes the SBOM."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PACKAGE = "airflow_provider_imagekit"
HOME_PAGE = "https://github.com/airflow-provider-imagekit/airflow-provider-imagekit/"
KINDS = ("--sdist", "--wheel")
SBOM = REPOSITORY / "build/sbom.cdx.json"


def main(release: str) -> None:
    """
    Build twice, into ``dist`` and a temporary folder, and exit with a message if a check fails.

    :param release: version in the tag; empty before there is a tag.
    """
    dist = REPOSITORY / "dist"
    for old in dist.glob("*"):
        old.unlink()
    first = build(dist)
    with tempfile.TemporaryDirectory() as folder:
        require(digests(first) == digests(build(Path(folder))), "the two builds differ")
    wheel, sdist = (
        next(path for path in first if path.name.endswith(ending)) for ending in (".whl", ".tar.gz")
    )
    run("twine", "check", "--strict", *map(str, first))
    same_wheel_from_the_sdist(sdist, wheel)
    version = wheel.name.split("-")[1]
    check_wheel(wheel, version)
    check_readme(metadata_of(wheel))
    check_version(version, release)
    write_sbom(metadata_of(wheel))
    print(
        f"{PACKAGE} {version}: ready. "
        + ", ".join(f"{path.name} ({path.stat().st_size:,} bytes)" for path in first)
        + f"; SBOM in {SBOM.relative_to(REPOSITORY)}"
    )


def build(folder: Path, source: Path = REPOSITORY, kinds: tuple[str, ...] = KINDS) -> list[Path]:
    """Build a folder's wheel and source distribution, with the last commit's time as the files' time."""
    arguments = ["--no-isolation", *kinds, "--outdir", str(folder), str(source)]
    run("build", *arguments, SOURCE_DATE_EPOCH=commit_time())
    return sorted(folder.glob(f"{PACKAGE}-*"))


def commit_time() -> str:
    """Return the time of the last commit in seconds since 1970."""
    return subprocess.check_output(["git", "log", "-1", "--format=%ct"], cwd=REPOSITORY, text=True).strip()


def same_wheel_from_the_sdist(sdist: Path, wheel: Path) -> None:
    """Fail unless the source distribution builds an identical wheel."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        unpacked = Path(folder, sdist.name.removesuffix(".tar.gz"))
        [again] = build(Path(folder, "out"), unpacked, ("--wheel",))
        require(again.read_bytes() == wheel.read_bytes(), "the source distribution builds a different wheel")


def check_wheel(wheel: Path, version: str) -> None:
    """Fail unless the wheel contains every file of the package, its licence, and nothing else."""
    about, names = f"{PACKAGE}-{version}.dist-info", set(zipfile.ZipFile(wheel).namelist())
    files = {path for path in (REPOSITORY / PACKAGE).rglob("*") if path.is_file() and path.suffix != ".pyc"}
    missing = {path.relative_to(REPOSITORY).as_posix() for path in files} - names
    require(not missing, f"the wheel lacks {sorted(missing)}")
    require(f"{PACKAGE}/py.typed" in names, "the wheel lacks py.typed")
    for licence in ("LICENSE", "NOTICE"):
        require(f"{about}/licenses/{licence}" in names, f"the wheel lacks {licence}")
    others = {name for name in names if not name.startswith((f"{PACKAGE}/", f"{about}/"))}
    require(not others, f"the wheel contains unexpected files: {sorted(others)}")


def metadata_of(wheel: Path) -> Message:
    """Return the metadata of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def check_readme(metadata: Message) -> None:
    """Fail unless all links of the README, rendered as at the package index, have a target."""
    from readme_renderer import markdown

    page = markdown.render(metadata.get_payload())
    require(bool(page), "the README cannot be rendered")
    links = re.findall(r'(?:href|src)="([^"#][^"]*)"', str(page))
    require(len(links) > 10, "the README has no links")
    for link in links:
        require(link.startswith("https://"), f"the README's link {link} is broken at the package index")
        place = re.sub(r"^(blob|raw|tree)/main/", "", link.partition("#")[0].removeprefix(HOME_PAGE))
        exists = (REPOSITORY / place).exists()
        require(not link.startswith(HOME_PAGE) or exists, f"the README's link {link} has no target")


def write_sbom(metadata: Message) -> None:
    """Write the dependencies, including extras, in CycloneDX's format; reproducible for a commit."""
    needed = sorted({item.partition(";")[0].strip() for item in metadata.get_all("Requires-Dist", [])})
    SBOM.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text("\n".join(needed), "utf-8")
        options = ["--pyproject", str(REPOSITORY / "pyproject.toml"), "--output-reproducible"]
        command = ["requirements", str(requirements), *options, "--output-file", str(SBOM)]
        run("cyclonedx_py", *command, SOURCE_DATE_EPOCH=commit_time())


def check_version(version: str, release: str) -> None:
    """Fail unless the version is defined once, and the changelog begins with it, dated if there is a tag."""
    modules = (REPOSITORY / PACKAGE).rglob("*.py")
    named = [module for module in modules if f'"{version}"' in module.read_text("utf-8")]
    require(named == [REPOSITORY / PACKAGE / "__init__.py"], f"the version {version} is in {named}")
    changelog = (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    newest = re.search(r"^## \[([^]]+)] - (.+)$", changelog, re.MULTILINE)
    require(newest is not None and newest[1] == version, f"the first entry of CHANGELOG.md is not {version}")
    if release:
        require(release == version, f"the tag is {release}, but the package is {version}")
        dated = newest is not None and re.fullmatch(r"\d{4}-\d\d-\d\d", newest[2])
        require(bool(dated), f"CHANGELOG.md has no date for {version}")


def digests(paths: list[Path]) -> dict[str, str]:
    """Return the digest of every file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def require(truth: bool, otherwise: str) -> None:
    """Exit with a message unless a condition is true."""
    if not truth:
        sys.exit(f"Not ready: {otherwise}.")


def run(module: str, *arguments: str, **variables: str) -> None:
    """Run a module with this Python, and exit if it fails."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"{module} failed: {done.stdout}{done.stderr}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
