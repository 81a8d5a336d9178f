"""BentoML with its adaptive batching, serving the same ONNX file: run by the Python of an environment that has BentoML.

    PYTHONPATH=. PYTHON benchmarks/serving/bentoml_server.py MODEL PORT THREADS

Crops are decoded and resized by this project's own code, so that nothing differs but the server. They come as base64 in
JSON and go back as JSON. One worker, as the model has all threads.
"""

import base64
import os
import sys
from pathlib import Path

import bentoml
import numpy as np
import onnxruntime as ort

from reid_contract import PreprocessSpec, decode, preprocess

MAX_BATCH = 16


@bentoml.service(workers=1, traffic={"timeout": 120})
class Reid:
    """Up to 16 crops together; the batcher may hold a request for as long as the load generator waits."""

    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = int(os.environ["REID_BENCHMARK_THREADS"])
        model = os.environ["REID_BENCHMARK_MODEL"]
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.spec = PreprocessSpec.from_metadata(self.session.get_modelmeta().custom_metadata_map)

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH, max_latency_ms=60_000, route="/embed")
    def embed(self, images: list[str]) -> list[list[float]]:
        """images: base64 of encoded crops."""
        pixels = [preprocess(decode(base64.b64decode(image)), self.spec) for image in images]
        rows: np.ndarray = self.session.run(["embeddings"], {"images": np.stack(pixels)})[0]
        return rows.tolist()


if __name__ == "__main__":
    model, port, threads = sys.argv[1:]
    here = Path(__file__)
    os.environ |= {"REID_BENCHMARK_MODEL": str(Path(model).resolve()), "REID_BENCHMARK_THREADS": threads}
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    serve = ["serve", f"{here.stem}:{Reid.name}", "--working-dir", str(here.parent), "--host", "127.0.0.1"]
    os.execv(sys.executable, [sys.executable, "-m", "bentoml", *serve, "--port", port])
