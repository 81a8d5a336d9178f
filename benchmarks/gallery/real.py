"""How often the coarse stage is sure, and whether it is right, on embeddings of real crops.

    python -m benchmarks.gallery.real --model models/market1501.onnx --data MARKET1501 [--dataset market1501]

The data set's gallery is searched with each of its queries, then again with the query's own person filtered out: then
no entry stands out. Real embeddings are harder than clusters: strangers have a cosine of 0.5 and friends 0.8.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from gallery_index.coarse import Coarse
from gallery_index.scan import Hits, Mask, scan_mask
from gallery_index.twostage import LEAST, two_stage
from gallery_index.types import Embedding
from gallery_index.vectors import Slots
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
    persons, wanted = (np.array([r.person_id for r in records]) for records in (dataset.gallery, dataset.query))
    coarse = Coarse(rows.shape[1], 1)
    coarse.put(np.arange(len(rows)), rows, lambda: rows.mean(axis=0))
    result: dict[str, object] = {"machine": machine(), "model": model.name, "dataset": dataset.name}
    result |= {"entries": len(rows), "dim": rows.shape[1]}
    result |= measure(coarse, rows, queries, [np.ones(len(rows), bool)] * len(queries))
    result["own_person_filtered_out"] = measure(coarse, rows, queries, [persons != person for person in wanted])
    coarse.close()
    options.json.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 0


def measure(coarse: Coarse, rows: Embedding, queries: Embedding, allowed: list[Mask]) -> dict[str, object]:
    """How many queries are sure within so many candidates, and recall@10 of those. allowed: (N,) of each query."""
    cases = list(zip(queries[:, None], allowed, strict=True))
    exact = [scan_mask(rows, query, K, mask)[0] for query, mask in cases]
    free = coarse.slots() - len(rows)
    rounds = {}
    for limit in (LEAST, 4 * LEAST, 16 * LEAST):
        answers = [
            two_stage(coarse, rows, query, K, np.pad(mask, (0, free)), share=mask.mean(), limit=limit)[0]
            for query, mask in cases
        ]
        sure = [(hits.slots, wanted) for hits, wanted in zip(answers, exact, strict=True) if hits is not None]
        rounds[limit] = {"sure": len(sure), "recall_of_those": recall(sure)}
    return {"queries": len(queries), "sure_within_candidates": rounds}


def recall(found: list[tuple[Slots, Hits]]) -> float:
    hit = sum(len(set(slots) & set(wanted.slots)) for slots, wanted in found)
    return round(hit / max(1, sum(len(wanted.slots) for _, wanted in found)), 6)


if __name__ == "__main__":
    sys.exit(main())
