"""Decisions of the gates and invalid arguments; tests/airflow/test_gates.py tests the skipping."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.operators.base import CONNECTION_ARGUMENTS
from airflow_provider_imagekit.operators.phash import PHashBranchOperator, PHashShortCircuitOperator
from tests import doubles, pictures

A, NEAR, FAR = "f06830ca9f1e3e90", "f06830ca9f1e3e97", "2222222222222222"
BRANCHES = {"follow_task_ids_if_similar": "same", "follow_task_ids_if_different": ["other", "group"]}


class Followed(PHashBranchOperator):
    """Records the ids to follow instead of skipping the others in Airflow."""

    def do_branch(self, context: Any, branches_to_execute: Any) -> Any:
        return branches_to_execute


class NoDownstream:
    """A task without downstream tasks."""

    @staticmethod
    def get_flat_relatives(*, upstream: bool) -> list[Any]:
        return []


def context() -> Any:
    return doubles.context(task=NoDownstream())


def branch(**arguments: Any) -> Any:
    return Followed(task_id="branch", **BRANCHES | arguments).execute(context())


def circuit(**arguments: Any) -> Any:
    return PHashShortCircuitOperator(task_id="gate", **arguments).execute(context())


class TestBranch:
    def test_a_similar_picture_takes_its_branch(self) -> None:
        value = branch(phash=A, reference_phash=NEAR)
        assert value == {
            "decision": "similar",
            "branch": ["same"],
            "matched": True,
            "distance": 3,
            "similarity": 0.953125,
            "phash": A,
            "reference_phash": NEAR,
        }

    def test_a_different_picture_takes_its_branch(self) -> None:
        value = branch(phash=A, reference_phash=NEAR, max_distance=2)
        assert (value["decision"], value["branch"]) == ("different", ["other", "group"])

    @pytest.mark.parametrize("name", [pictures.BLACK, pictures.NO_PICTURE])
    def test_undecidable_takes_its_branch_or_fails(
        self, name: str, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        arguments = {"file_id": imagekit.file_id(name), "reference_phash": A}
        value = branch(**arguments, follow_task_ids_if_undecidable=["look"])
        assert (value["decision"], value["branch"], value["distance"]) == ("undecidable", ["look"], None)
        with pytest.raises(AirflowFailException, match="follow_task_ids_if_undecidable"):
            branch(**arguments)

    def test_a_listed_flat_hash_is_undecidable(self) -> None:
        value = branch(phash=A, reference_phash=A, low_information=[A], follow_task_ids_if_undecidable=[])
        assert (value["decision"], value["branch"]) == ("undecidable", [])

    def test_a_picture_is_compared_with_a_bank(
        self, connection: str, imagekit: ImageKitEmulator, tmp_path: Path
    ) -> None:
        hook = Followed(task_id="t", **BRANCHES).hook
        near = hook.get_phash(file_id=imagekit.file_id(pictures.ORIGINAL))
        bank = tmp_path / "bank.csv"
        bank.write_text(f"sku,hash\nfar,{FAR}\nnear,{near}\n")
        value = branch(
            url=imagekit.file_url(pictures.RESIZED),
            reference_bank=str(bank),
            bank_id_column="sku",
            bank_phash_column="hash",
        )
        assert value["decision"] == "similar"
        assert value["reference_id"] == "near"
        assert [match["id"] for match in value["matches"]] == ["near"]

    def test_xcom_is_pushed_before_airflow_skips_by_an_exception(self) -> None:
        task: Any = context()
        value = Followed(task_id="t", **BRANCHES, phash=A, reference_phash=A).execute(task)
        assert task["ti"].pushed == {**value, "return_value": value}
        quiet: Any = context()
        Followed(task_id="t", **BRANCHES, phash=A, reference_phash=A, do_xcom_push=False).execute(quiet)
        assert quiet["ti"].pushed == {}


class TestShortCircuit:
    @pytest.mark.parametrize(
        ("continue_if", "reference", "continued"),
        [
            ("similar", NEAR, True),
            ("similar", FAR, False),
            ("different", NEAR, False),
            ("different", FAR, True),
        ],
    )
    def test_it_continues_as_configured(self, continue_if: str, reference: str, continued: bool) -> None:
        assert circuit(phash=A, reference_phash=reference, continue_if=continue_if)["continued"] is continued

    @pytest.mark.parametrize(("on_undecidable", "continued"), [("skip", False), ("continue", True)])
    def test_undecidable_skips_or_continues(self, on_undecidable: str, continued: bool) -> None:
        for continue_if in ("similar", "different"):
            value = circuit(
                phash=A,
                reference_phash=A,
                low_information=A,
                continue_if=continue_if,
                on_undecidable=on_undecidable,
            )
            assert (value["decision"], value["continued"]) == ("undecidable", continued)

    def test_undecidable_may_fail(self) -> None:
        with pytest.raises(AirflowFailException, match="flat picture"):
            circuit(phash=A, reference_phash=A, low_information=A, on_undecidable="fail")


class TestInput:
    CASES: ClassVar[list[Any]] = [
        ({"phash": A}, "Exactly one of reference_file_id"),
        ({"reference_phash": A}, "Exactly one of file_id"),
        ({"phash": A, "reference_phash": A, "max_distance": 17}, "use 16 or less"),
        ({"phash": A, "reference_phash": A, "max_distance": None}, "max_distance is missing"),
        ({"phash": A, "reference_phash": A, "max_distance": "close"}, "close"),
        ({"phash": "xyz", "reference_phash": A}, "has 3 digits"),
        ({"phash": A, "reference_bank": "/none/bank.csv"}, "There is no file"),
    ]

    @pytest.mark.parametrize(("arguments", "text"), CASES, ids=str)
    @pytest.mark.parametrize("decide", [branch, circuit])
    def test_bad_input_is_refused_when_the_task_runs_and_not_before(
        self, decide: Any, arguments: dict[str, Any], text: str
    ) -> None:
        with pytest.raises(AirflowFailException, match=text) as caught:
            decide(**arguments)
        assert isinstance(caught.value.__context__, ImageKitInputError)

    @pytest.mark.parametrize(
        ("decide", "arguments", "text"),
        [
            (branch, {"follow_task_ids_if_similar": None}, "follow_task_ids_if_similar is None"),
            (branch, {"follow_task_ids_if_undecidable": [1.5]}, "follow_task_ids_if_undecidable"),
            (circuit, {"continue_if": "undecidable"}, "Use one of similar, different"),
            (circuit, {"on_undecidable": "wait"}, "on_undecidable is 'wait'"),
        ],
    )
    def test_invalid_arguments_of_each_gate_are_refused(
        self, decide: Any, arguments: dict[str, Any], text: str
    ) -> None:
        with pytest.raises(AirflowFailException, match=text):
            decide(phash=A, reference_phash=A, **arguments)

    def test_a_radius_above_16_can_be_forced(self) -> None:
        assert branch(phash=A, reference_phash=FAR, max_distance=30, force=True)["decision"] == "similar"

    def test_every_argument_is_templated(self) -> None:
        common = {"file_id", "url", "phash", "max_distance", "low_information", "max_matches"}
        common |= {f"reference_{name}" for name in ("file_id", "url", "phash", "bank")}
        common |= {"bank_id_column", "bank_phash_column", "force", *CONNECTION_ARGUMENTS}
        follow = {f"follow_task_ids_if_{name}" for name in ("similar", "different", "undecidable")}
        assert set(PHashBranchOperator.template_fields) == common | follow
        assert set(PHashShortCircuitOperator.template_fields) == common | {
            "continue_if",
            "on_undecidable",
            "ignore_downstream_trigger_rules",
        }
