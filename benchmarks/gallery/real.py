"""How often the coarse stage is sure, and whether it is right, on embeddings of real crops.

    python -m benchmarks.gallery.real --model models/market1501.onnx --data MARKET1501 [--dataset market1501]

The data set's gallery is searched with each of its queries, then again with the query's own person filtered out: then
no entry stands out. Real embeddings are harder than clusters: strangers have a cosine of 0.5 and friends 0.8.
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
from gallery_index.scan import Hits, Mask, scan_mask
from gallery_index.tuning import Tuning
from gallery_index.twostage import LEAST, two_stage
from gallery_index.types import Embedding
from gallery_index.vectors import Slots, VectorFile
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
        persons, wanted = (np.array([r.person_id for r in records]) for records in (dataset.gallery, dataset.query))
        result |= measure(engine, queries, [engine.used] * len(queries))
        others = [np.pad(persons != person, (0, len(engine.used) - len(rows))) for person in wanted]
        result["own_person_filtered_out"] = measure(engine, queries, others)
        engine.close()
        vectors.close()
    options.json.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 0


def measure(engine: Engine, queries: Embedding, allowed: list[Mask]) -> dict[str, object]:
    """How many queries are sure within so many candidates, and recall@10 of those. allowed: (slots,) of each query."""
    rows = engine._vectors.rows  # noqa: SLF001 - measured from inside
    coarse = engine.coarse
    if coarse is None:
        raise ValueError("the coarse stage is missing")
    cases = list(zip(queries[:, None], allowed, strict=True))
    exact = [scan_mask(rows, query, K, mask[: len(rows)])[0] for query, mask in cases]
    rounds = {}
    for limit in (LEAST, 4 * LEAST, 16 * LEAST):
        shares = [mask.sum() / engine.entries for mask in allowed]
        answers = [
            two_stage(coarse, rows, query, K, mask, share=share, limit=limit)[0]
            for (query, mask), share in zip(cases, shares, strict=True)
        ]
        sure = [(hits.slots, wanted) for hits, wanted in zip(answers, exact, strict=True) if hits is not None]
        rounds[limit] = {"sure": len(sure), "recall_of_those": recall(sure)}
    return {"queries": len(queries), "sure_within_candidates": rounds}


def recall(found: list[tuple[Slots, Hits]]) -> float:
    hit = sum(len(set(slots) & set(wanted.slots)) for slots, wanted in found)
    return round(hit / max(1, sum(len(wanted.slots) for _, wanted in found)), 6)


if __name__ == "__main__":
    sys.exit(main())
