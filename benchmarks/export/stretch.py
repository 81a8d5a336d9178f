"""What a tracker's own resizing costs: BoxMOT's cv2 stretch against `reid_contract.preprocess`, on one model.

    .venv-integrations/bin/python -m benchmarks.export.stretch FILE.onnx [--json FILE]

FILE: of the `boxmot` flavour. Drawn people at several sizes; the cosine between both embeddings of the same crop.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
from boxmot.reid.core.runtime import ReID
from numpy.typing import NDArray
from PIL import Image

from reid_contract import EmbeddingSpec, PreprocessSpec, normalise, preprocess
from training.data.synthetic import draw_cameras, draw_crop, draw_people

SIZES = ((128, 64), (160, 64), (192, 96), (256, 128), (384, 160), (512, 256), (768, 320))
PEOPLE = 24


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.export.stretch", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="of the boxmot flavour")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_name("stretch.json"), help="where figures go")
    options = parser.parse_args(arguments)
    reid = ReID(options.file, device="cpu")
    session = ort.InferenceSession(str(options.file), providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    spec = PreprocessSpec.from_metadata(metadata)
    rows = [compare(reid, session, spec, height, width) for height, width in SIZES]
    result = {
        "command": "python -m benchmarks.export.stretch",
        "model": EmbeddingSpec.from_metadata(metadata).model_id,
        "model_size": [spec.height, spec.width],
        "crops": PEOPLE,
        "sizes": rows,
    }
    options.json.write_text(json.dumps(result, indent=2) + "\n")
    print("| crop | worst cosine | mean cosine |\n| --- | --: | --: |")
    for row in rows:
        print(f"| {row['height']}×{row['width']} | {row['worst_cosine']:.4f} | {row['mean_cosine']:.4f} |")
    return 0


def compare(
    reid: ReID, session: ort.InferenceSession, spec: PreprocessSpec, height: int, width: int
) -> dict[str, float]:
    """Cosines of crops of one size: BoxMOT's features against the same graph after our preprocessing."""
    rng = np.random.default_rng(5)
    people, cameras = draw_people(PEOPLE, seed=5), draw_cameras(4, seed=5)
    crops = [draw_crop(p, cameras[i % 4], rng, height=height, width=width).image for i, p in enumerate(people)]
    cosines = np.array([float(theirs(reid, crop) @ ours(session, spec, crop)) for crop in crops])
    return {
        "height": height,
        "width": width,
        "worst_cosine": round(float(cosines.min()), 5),
        "mean_cosine": round(float(cosines.mean()), 5),
    }


def theirs(reid: ReID, crop: Image.Image) -> NDArray[np.float32]:
    frame = np.ascontiguousarray(np.asarray(crop)[..., ::-1])
    return reid(frame, np.array([[0, 0, crop.width, crop.height]], np.float32))[0]


def ours(session: ort.InferenceSession, spec: PreprocessSpec, crop: Image.Image) -> NDArray[np.float32]:
    (rows,) = session.run(None, {"images": normalise(preprocess(crop, spec)[None], spec)})
    return rows[0]


if __name__ == "__main__":
    sys.exit(main())
