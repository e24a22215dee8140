"""The sensor compares a picture with many, and handles verdicts that do not match."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowSkipException, TaskDeferred
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitInputError, PHashMismatchError
from tests import pictures
from tests.doubles import context
from tests.sensors.running import MODES, run, sensor_of
from tests.support import one_of_three
from tests.triggers.running import at_once, longest_stall

FAR = "2222222222222222"
NAMES = (pictures.ORIGINAL, pictures.UNRELATED)


@pytest.fixture
def phashes(connection: str, imagekit: ImageKitEmulator) -> dict[str, str]:
    """Hashes of some pictures by their paths."""
    hook = sensor_of().hook
    found = {name: str(hook.get_phash(file_id=imagekit.file_id(name))) for name in NAMES}
    imagekit.clear()
    return found


def write_bank(path: Path, phashes: dict[str, str]) -> str:
    path.write_text("name,pHash\n" + "".join(f"{name},{phash}\n" for name, phash in phashes.items()))
    return str(path)


@pytest.mark.parametrize("mode", MODES)
class TestEveryModeAgrees:
    def test_on_the_nearest_in_a_bank(
        self, mode: str, imagekit: ImageKitEmulator, phashes: dict[str, str], tmp_path: Path
    ) -> None:
        bank = write_bank(tmp_path / "bank.csv", phashes | {"copy": phashes[pictures.ORIGINAL]})
        if mode == "after deferral":
            imagekit.inject(status=404)
        value = run(
            mode,
            file_id=imagekit.file_id(pictures.RECOMPRESSED),
            reference_bank=bank,
            bank_id_column="name",
            max_distance=8,
        )
        assert value["matched"] is True
        assert value["reference_id"] == pictures.ORIGINAL
        assert [match["id"] for match in value["matches"]] == [pictures.ORIGINAL, "copy"]
        assert value["match_count"] == 2
        assert value["reference_phash"] == phashes[pictures.ORIGINAL]

    def test_on_a_bank_that_changes_while_it_waits(
        self, mode: str, imagekit: ImageKitEmulator, phashes: dict[str, str], tmp_path: Path
    ) -> None:
        bank = write_bank(tmp_path / "bank.csv", {"far": FAR})
        value = run(
            mode,
            between=lambda: write_bank(tmp_path / "bank.csv", phashes),
            file_id=imagekit.file_id(pictures.RECOMPRESSED),
            reference_bank=bank,
            bank_id_column="name",
            max_distance=8,
        )
        assert value["reference_id"] == pictures.ORIGINAL

    def test_on_a_list_of_hashes(
        self, mode: str, imagekit: ImageKitEmulator, phashes: dict[str, str]
    ) -> None:
        arguments = {"file_id": imagekit.file_id(pictures.RECOMPRESSED), "max_distance": 8}
        listed = run(mode, **arguments, reference_phash=[FAR, None, phashes[pictures.ORIGINAL]])
        as_text = run(mode, **arguments, reference_phash=f"{FAR}, {phashes[pictures.ORIGINAL]}")
        assert listed == as_text
        assert listed["reference_id"] == listed["reference_phash"] == phashes[pictures.ORIGINAL]

    def test_on_a_literal_list_which_needs_no_request(self, mode: str, imagekit: ImageKitEmulator) -> None:
        assert run(mode, phash=FAR, reference_phash=[FAR], max_distance=8)["distance"] == 0
        assert run(mode, phash=FAR, reference_phash=[], min_distance=9)["distance"] is None
        with pytest.raises(PHashMismatchError):
            run(mode, phash=FAR, reference_phash=[FAR], min_distance=9)
        assert imagekit.requests == []

    @pytest.mark.parametrize(
        ("on_mismatch", "error"), [("fail", PHashMismatchError), ("skip", AirflowSkipException)]
    )
    def test_on_a_verdict_that_ends_the_wait(
        self,
        mode: str,
        on_mismatch: str,
        error: type[Exception],
        imagekit: ImageKitEmulator,
        phashes: dict[str, str],
    ) -> None:
        if mode == "after deferral":
            imagekit.inject(status=404)  # a missing file is not a mismatch
        with pytest.raises(error, match="of 64 bits"):
            run(
                mode,
                file_id=imagekit.file_id(pictures.UNRELATED),
                reference_phash=phashes[pictures.ORIGINAL],
                max_distance=8,
                on_mismatch=on_mismatch,
            )

    def test_on_skipping_where_nothing_can_change(self, mode: str, connection: str) -> None:
        with pytest.raises(AirflowSkipException):
            run(mode, phash=FAR, reference_phash="0000000000000001", max_distance=8, on_mismatch="skip")

    def test_on_a_bank_that_does_not_exist(
        self, mode: str, connection: str, imagekit: ImageKitEmulator, tmp_path: Path
    ) -> None:
        if mode == "after deferral":
            imagekit.inject(status=404)
        with pytest.raises(ImageKitInputError, match="There is no file at"):
            run(
                mode,
                file_id=imagekit.file_id(pictures.ORIGINAL),
                reference_bank=str(tmp_path / "none.csv"),
                max_distance=8,
            )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"reference_phash": [FAR] * 1001}, "the maximum is 1,000.*reference_bank"),
        ({"reference_phash": {"a": FAR}}, "reference_phash is .*, a dict instead of a list"),
        ({"reference_phash": [FAR, "xyz"]}, "has 3 digits"),
        ({"reference_phash": FAR, "reference_bank": "b.csv"}, "got reference_phash and reference_bank"),
        ({"reference_bank": ["b.csv"]}, "reference_bank is .*, a list instead of a text"),
        ({"reference_phash": FAR, "low_information": ["xyz"]}, "has 3 digits"),
        ({"reference_phash": FAR, "low_information": 3.5}, "low_information is 3.5"),
        ({"reference_phash": FAR, "max_matches": -1}, "max_matches is -1"),
        ({"reference_phash": FAR, "max_matches": True}, "max_matches is True"),
        ({"reference_phash": FAR, "on_mismatch": "cry"}, "on_mismatch is 'cry'"),
    ],
    ids=str,
)
def test_bad_input_is_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ImageKitInputError, match=text):
        sensor_of(phash="0000000000000001", max_distance=8, **arguments).execute(context())


def test_the_trigger_gets_the_banks_path_and_not_its_content(connection: str, tmp_path: Path) -> None:
    bank = write_bank(tmp_path / "bank.csv", {f"picture {number}": FAR for number in range(5000)})
    with pytest.raises(TaskDeferred) as caught:
        sensor_of(
            "deferrable",
            file_id="a" * 24,
            reference_bank=bank,
            bank_id_column="name",
            max_distance=8,
            low_information="0000000000000001,0000000000000002",
            max_matches="3",
            on_mismatch="fail",
        ).execute(context())
    arguments = caught.value.trigger.serialize()[1]
    assert len(json.dumps(arguments)) < 1000
    assert arguments["reference_bank"] == bank
    assert arguments["bank_id_column"] == "name"
    assert arguments["low_information"] == ["0000000000000001", "0000000000000002"]
    assert (arguments["max_matches"], arguments["stop_on_mismatch"]) == (3, True)


def test_matches_are_capped_and_counted(phashes: dict[str, str], imagekit: ImageKitEmulator) -> None:
    near = phashes[pictures.ORIGINAL]
    value = run("poke", phash=near, reference_phash=[near] * 5, max_distance=0, max_matches=2)
    assert (len(value["matches"]), value["match_count"]) == (2, 5)


def test_a_listed_flat_hash_is_never_similar(connection: str) -> None:
    with pytest.raises(PHashMismatchError, match="flat picture"):
        run("poke", phash=FAR, reference_phash=FAR, max_distance=64, low_information=[FAR])


def test_the_event_loop_runs_on_while_a_large_bank_is_read(
    imagekit: ImageKitEmulator, phashes: dict[str, str], tmp_path: Path
) -> None:
    many = {str(number): f"{number:016x}" for number in range(1, 100_000)}
    bank = write_bank(tmp_path / "bank.csv", many | phashes)
    imagekit.inject(status=404)  # otherwise the worker would have read the bank in this process
    with pytest.raises(TaskDeferred) as caught:
        sensor_of(
            "deferrable",
            file_id=imagekit.file_id(pictures.RECOMPRESSED),
            reference_bank=bank,
            bank_id_column="name",
            max_distance=8,
        ).execute(context())
    trigger = caught.value.trigger

    trigger.sleep = at_once
    times = itertools.count(1)

    def stall() -> float:
        os.utime(bank, (0, next(times)))  # a changed file is read again
        return asyncio.run(longest_stall(trigger))

    assert one_of_three(lambda: stall() < 0.4)
