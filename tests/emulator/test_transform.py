from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.emulator.transforms.expressions import Expression
from airflow_provider_imagekit.emulator.transforms.geometry import Size, lay_out
from airflow_provider_imagekit.emulator.transforms.steps import BadTransformationError, Step, parse_steps

PROPERTIES = {"iw": 320.0, "ih": 200.0, "iar": 1.6, "cw": 100.0, "ch": 50.0, "car": 2.0}
CROPS = [
    "force", "at_max", "at_max_enlarge", "at_least", "maintain_ratio", "maintain_ratio_no_enlarge", "extract",
    "pad_extract", "pad_resize", "pad_resize_no_enlarge",
]  # fmt: skip

sides = st.integers(1, 3000)
sizes = st.builds(Size, sides, sides)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("300", 300),
        ("0.5", 0.5),
        ("N40", -40),
        ("iw", 320),
        ("iw_div_2", 160),
        ("iw_sub_20_div_2", 150),
        ("2_pow_3", 8),
    ],
)
def test_expressions_are_evaluated_from_left_to_right(text, value):
    assert Expression.parse(text).value(PROPERTIES) == value


@given(st.floats(0, 1e6).map(lambda number: round(number, 3)))
def test_every_number_is_read_as_written(number):
    assert Expression.parse(f"{number:.3f}").value({}) == pytest.approx(number)


@given(st.text(st.sampled_from("iwhacr_dvmulopN.0123456789-"), max_size=30) | st.text(max_size=30))
def test_any_text_is_a_number_or_refused(text):
    with contextlib.suppress(ValueError):
        assert math.isfinite(Expression.parse(text).value(PROPERTIES))


@given(st.text(st.sampled_from("whcqfrtbl-_,:.0123456789nasortue"), max_size=60) | st.text(max_size=60))
def test_any_transformation_is_parsed_or_refused(text):
    with contextlib.suppress(BadTransformationError):
        for step in parse_steps(text, {"a": "w-1"}):
            lay_out(step, Size(320, 200), Size(320, 200))


def test_steps_are_typed():
    first, second = parse_steps("w-400,h-0.5,c-force,q-30:rt-N40,bg-00FF0080,f-webp", {})
    assert (first.width, first.crop, first.quality) == (Expression((400.0,)), "force", 30)
    assert (second.rotation, second.background, second.format) == (
        Expression((-40.0,)),
        (0, 255, 0, 128),
        "webp",
    )
    assert second.width is None


def test_a_named_transformation_stands_for_its_steps():
    assert parse_steps("n-two:h-3", {"two": "w-1:w-2"}) == parse_steps("w-1:w-2:h-3", {})


def sized(width: int, height: int, crop: str) -> Step:
    return Step(width=Expression((float(width),)), height=Expression((float(height),)), crop=crop)


@given(st.sampled_from(CROPS), sizes, sizes)
def test_a_layout_never_crops_more_than_the_picture(crop, current, box):
    with contextlib.suppress(BadTransformationError):  # too many pixels
        layout = lay_out(sized(box.width, box.height, crop), current, current)
        assert layout.crop.width <= layout.resize.width
        assert layout.crop.height <= layout.resize.height
        assert layout.canvas.width >= layout.crop.width
        assert layout.canvas.height >= layout.crop.height


@given(sizes, sizes)
def test_exact_modes_return_the_requested_size(current, box):
    for crop in ("force", "maintain_ratio", "pad_resize", "pad_extract", "pad_resize_no_enlarge"):
        with contextlib.suppress(BadTransformationError):
            assert lay_out(sized(box.width, box.height, crop), current, current).canvas == box


@given(sizes, sizes)
def test_at_max_stays_within_and_at_least_reaches(current, box):
    within = lay_out(sized(box.width, box.height, "at_max"), current, current).canvas
    assert within.width <= min(box.width, current.width)
    assert within.height <= min(box.height, current.height)
    with contextlib.suppress(BadTransformationError):
        reaching = lay_out(sized(box.width, box.height, "at_least"), current, current).canvas
        assert reaching.width >= box.width
        assert reaching.height >= box.height
