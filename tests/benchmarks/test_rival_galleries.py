"""The comparison of galleries: the truth it is held to, filters that mean the same for all, and the kill."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gallery.clusters import CHUNK, chunk, queries
from benchmarks.rivals import __main__ as rivals
from benchmarks.rivals.contender import Contender, filters
from benchmarks.rivals.faiss_indexes import FaissFlat, FaissHNSW, FaissIVF
from benchmarks.rivals.ours import GalleryIndex

DIM = 16


@pytest.mark.parametrize("kind", [FaissFlat, FaissHNSW, FaissIVF])
def test_a_saved_index_answers_what_an_exact_scan_does(kind: type[FaissFlat], tmp_path: Path) -> None:
    index = kind(tmp_path, DIM)
    index.add(0, chunk(0, DIM))
    index.finish()
    rivals.write_truth(tmp_path / "truth.npz", DIM, CHUNK)
    truth, reopened = np.load(tmp_path / "truth.npz"), kind(tmp_path, DIM)
    assert reopened.count() == CHUNK
    for number, where in enumerate(filters(CHUNK).values()):
        found = [reopened.search(probe, where) for probe in queries(1, DIM, rivals.QUERIES)]
        shared = [len(set(f) & set(w)) for f, w in zip(found, truth[f"filter{number}"].tolist(), strict=True)]
        exact = kind is FaissFlat
        assert sum(shared) == 10 * len(shared) if exact else sum(shared) > 0


def test_our_gallery_and_an_exact_scan_agree_under_every_filter(tmp_path: Path) -> None:
    count = 1_000
    galleries: list[Contender] = [GalleryIndex(tmp_path / "ours", DIM), FaissFlat(tmp_path / "flat", DIM)]
    for gallery in galleries:
        gallery.add(0, chunk(0, DIM)[:count])
    for where in filters(count).values():
        for probe in queries(1, DIM, 8):
            ours, exact = (gallery.search(probe, where) for gallery in galleries)
            assert ours == exact
    for gallery in galleries:
        gallery.close()


@pytest.mark.parametrize(("name", "keeps"), [("gallery_index", True), ("faiss Flat", False)])
def test_a_killed_process(name: str, keeps: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "ROUNDS", 1)
    options = argparse.Namespace(directory=tmp_path, python=sys.executable, dim=DIM)
    (left,) = rivals.killed(name, options)["killed"]
    assert left["opens"]
    assert left["acknowledged"] > 0
    assert left["lost"] == (0 if keeps else left["acknowledged"])
    assert left["last_is_found"] is keeps
