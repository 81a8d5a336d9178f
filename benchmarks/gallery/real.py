"""How often the coarse stage is sure, and whether it is right, on embeddings of real crops.

    python -m benchmarks.gallery.real --model models/market1501.onnx --data MARKET1501 [--dataset market1501]

The data set's gallery is searched with each of its queries. Real embeddings are harder than clusters: strangers have a
cosine of 0.5 and friends 0.8.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from gallery_index.engine import Engine
from gallery_index.scan import Hits, scan_mask
from gallery_index.tuning import Tuning
from gallery_index.twostage import LEAST, two_stage
from gallery_index.vectors import VectorFile
from training.data.datasets import DATASETS, load_dataset
from training.evaluation.extract import extract
from training.evaluation.onnx_model import OnnxModel

K = 10


def main() -> int:
    parser = argparse.ArgumentParser(description="The two-stage search on real embeddings.")
    parser.add_argument("--model", type=Path, required=True, help="an exported file of the service flavour")
    parser.add_argument("--dataset", choices=DATASETS, default="market1501")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path, default=Path(__file__).with_name("real.json"))
    options = parser.parse_args()
    model, dataset = OnnxModel(options.model), load_dataset(options.dataset, options.data)
    rows, queries = (
        extract(model, records, model.spec, progress=f"embedding the {name}")
        for name, records in (("gallery", dataset.gallery), ("queries", dataset.query))
    )
    with tempfile.TemporaryDirectory() as folder:
        vectors = VectorFile(Path(folder) / "vectors.f32", rows.shape[1])
        vectors.write(range(len(rows)), rows, durable=False)
        engine = Engine(vectors, np.arange(len(rows)), 1, Tuning())
        engine.encode()
        result: dict[str, object] = {"machine": machine(), "model": model.name, "dataset": dataset.name}
        result |= {"entries": len(rows), "dim": rows.shape[1]}
        result |= measure(engine, queries)
        engine.close()
        vectors.close()
    options.json.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 0


def measure(engine: Engine, queries: np.ndarray) -> dict[str, object]:
    """Recall of a fixed number of re-ranked candidates beside that of the search that widens until it is sure."""
    rows = engine._vectors.rows  # noqa: SLF001 - measured from inside
    mask = engine.used
    exact = scan_mask(rows, queries, K, mask[: len(rows)])
    coarse = engine.coarse
    if coarse is None:
        raise ValueError("the coarse stage is missing")
    fixed = {}
    for candidates in (50, 100, 200):
        proposed, _ = coarse.search(queries, candidates)
        fixed[candidates] = recall(list(proposed), exact)
    rounds = {}
    for limit in (LEAST, 4 * LEAST, 16 * LEAST):
        answers = [two_stage(coarse, rows, query, K, mask, share=1.0, limit=limit)[0] for query in queries[:, None]]
        sure = [i for i, hits in enumerate(answers) if hits is not None]
        found = [hits.slots for hits in answers if hits is not None]
        rounds[limit] = {"sure": len(sure), "recall_of_those": recall(found, [exact[i] for i in sure])}
    return {"queries": len(queries), "recall_of_fixed_candidates": fixed, "sure_within_candidates": rounds}


def recall(found: list[np.ndarray], exact: list[Hits]) -> float:
    hit = sum(len(set(slots) & set(wanted.slots)) for slots, wanted in zip(found, exact, strict=True))
    return round(hit / max(1, sum(len(wanted.slots) for wanted in exact)), 4)


if __name__ == "__main__":
    sys.exit(main())
