"""The ONNX encoder: buckets, the contract, providers that are not there."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_contract import ContractError, EmbeddingSpec, Provenance
from service.encoder import OnnxEncoder, buckets, cuts
from service.providers import Providers, ProviderUnavailable, resolve
from tests.service.fakes import DIM, HEIGHT, PREPROCESS, PROVENANCE, WIDTH, grid_colours, write_grid_model


@given(st.integers(1, 300), st.integers(1, 300))
def test_every_batch_is_cut_into_buckets(size: int, max_batch: int) -> None:
    sizes = buckets(max_batch)
    assert sizes[0] == 1
    assert sizes[-1] == max_batch
    edges = [0, *cuts(size, sizes), size]
    parts = [b - a for a, b in itertools.pairwise(edges)]
    assert set(parts) <= set(sizes)
    assert sum(parts) == size
    assert parts == sorted(parts, reverse=True)


@pytest.mark.parametrize("pad", [False, True])
def test_rows_are_the_same_whatever_the_buckets(grid_model: Path, pad: bool) -> None:
    encoder = OnnxEncoder(grid_model, max_batch=6)
    encoder._pad = pad
    encoder.warm_up()
    images = np.random.default_rng(1).integers(0, 256, (17, HEIGHT, WIDTH, 3), np.uint8)
    for size in (1, 2, 5, 6, 7, 17):
        np.testing.assert_allclose(encoder(images[:size]), grid_colours(images[:size]), atol=1e-5)


def test_a_file_that_breaks_its_own_promise(tmp_path: Path) -> None:
    path = tmp_path / "liar.onnx"
    provenance = Provenance("service", "fp32", "x", "none", "none", "0").to_metadata()
    write_grid_model(
        str(path), metadata={**EmbeddingSpec("m", DIM + 1).to_metadata(), **PREPROCESS.to_metadata(), **provenance}
    )
    with pytest.raises(ContractError, match=r"must give 'embeddings' as float32 \(batch, 49\)"):
        OnnxEncoder(path)
    wide = {**EmbeddingSpec("m", DIM).to_metadata(), **type(PREPROCESS)(64, 16).to_metadata(), **provenance}
    write_grid_model(str(path), metadata=wide)
    with pytest.raises(ContractError, match=r"must take 'images' as uint8 \(batch, 64, 16, 3\)"):
        OnnxEncoder(path)


def test_embeddings_that_are_not_normalised_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.onnx"
    spec = EmbeddingSpec("m", DIM, normalised=False)
    write_grid_model(str(path), metadata={**spec.to_metadata(), **PREPROCESS.to_metadata(), **PROVENANCE.to_metadata()})
    with pytest.raises(ContractError, match="says that its embeddings are not normalised"):
        OnnxEncoder(path)


@pytest.mark.parametrize("wrong", [np.nan, 42.0])
def test_a_model_that_cannot_answer_is_not_called_ready(grid_model: Path, wrong: float) -> None:
    encoder = OnnxEncoder(grid_model, max_batch=2)
    encoder._run = lambda images: np.full((len(images), DIM), wrong, np.float32)  # type: ignore[method-assign]
    with pytest.raises(ContractError, match=r"gives a length of .*; allowed: 1"):
        encoder.warm_up()


def test_a_wished_for_provider_that_is_not_there_is_an_error(grid_model: Path) -> None:
    missing = next(name for name in ("tensorrt", "openvino", "cuda") if name not in resolve_names())
    with pytest.raises(ProviderUnavailable, match=f"{missing!r} is not in this build"):
        OnnxEncoder(grid_model, providers=[missing, "cpu"])
    assert OnnxEncoder(grid_model, providers=[missing, "cpu"], allow_fallback=True).provider == "cpu"


def test_a_provider_that_did_not_load_is_an_error_too() -> None:
    wished = Providers(("cuda", "cpu"))
    with pytest.raises(ProviderUnavailable, match="'cuda' did not load"):
        wished.check(["CPUExecutionProvider"], allow_fallback=False)
    wished.check(["CPUExecutionProvider"], allow_fallback=True)
    assert wished.in_use(["CPUExecutionProvider"]) == "cpu"
    assert wished.in_use(["CUDAExecutionProvider", "CPUExecutionProvider"]) == "cuda"
    assert Providers(("cuda",)).session_arguments() == ["CUDAExecutionProvider", "CPUExecutionProvider"]


def resolve_names() -> set[str]:
    assert resolve(["cpu"], allow_fallback=False).names == ("cpu",)
    known = {
        "CUDAExecutionProvider": "cuda",
        "TensorrtExecutionProvider": "tensorrt",
        "OpenVINOExecutionProvider": "openvino",
    }
    return {known[name] for name in ort.get_available_providers() if name in known}
