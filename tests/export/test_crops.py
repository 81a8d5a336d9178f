"""Calibration and verification never see the same crop, and see the same ones tomorrow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.cpu import has_vnni
from export.crops import CALIBRATION_CROPS, VERIFICATION_CROPS, Crops, drawn, split
from reid_contract import PreprocessSpec


@given(count=st.integers(2, 500), order=st.randoms(use_true_random=False))
def test_a_folder_splits_into_two_that_share_nothing(count, order):
    files = [Path(f"{i}.jpg") for i in range(count)]
    mixed = list(files)
    order.shuffle(mixed)
    calibration, verification = split(mixed)
    assert split(files) == (calibration, verification)
    assert not set(calibration) & set(verification)
    assert 1 <= len(calibration) <= CALIBRATION_CROPS
    assert 1 <= len(verification) <= VERIFICATION_CROPS


def test_a_single_crop_serves_both():
    assert split([Path("only.jpg")]) == ([Path("only.jpg")], [Path("only.jpg")])


def test_drawn_people_are_the_same_every_time_and_differ_from_each_other():
    spec = PreprocessSpec(64, 32)
    first, again = drawn(3, spec), drawn(3, spec)
    assert first.shape == (3, 64, 32, 3)
    assert Crops(first, "").digest == Crops(again, "").digest
    assert np.abs(first[0].astype(int) - first[1]).mean() > 5


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("flags : avx2 avx512f avx512_vnni", True), ("flags : avx2 avx_vnni", True), ("flags : avx2 avx512f", False)],
)
def test_vnni_is_read_from_the_cpus_flags(tmp_path, flags, expected):
    file = tmp_path / "cpuinfo"
    file.write_text(flags)
    assert has_vnni(file) is expected


def test_where_the_cpu_says_nothing_seven_bits_are_used(tmp_path):
    assert has_vnni(tmp_path / "none") is False
