"""LitServe with its batching, serving the same ONNX file: run by the Python of an environment that has LitServe.

    PYTHONPATH=. PYTHON benchmarks/serving/litserve_server.py MODEL PORT THREADS

Crops are decoded and resized by this project's own code, so that nothing differs but the server. They come as base64 in
JSON and go back as JSON, the way LitServe's own examples do it.
"""

import base64
import sys
from typing import Any

import litserve as ls
import numpy as np
import onnxruntime as ort

from reid_contract import PreprocessSpec, decode, preprocess

MAX_BATCH = 16


class ReidAPI(ls.LitAPI):  # type: ignore[misc]
    """One crop a request, up to 16 together."""

    def setup(self, device: str) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = int(sys.argv[3])
        self.session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
        self.spec = PreprocessSpec.from_metadata(self.session.get_modelmeta().custom_metadata_map)

    def decode_request(self, request) -> np.ndarray:  # LitServe reads the annotation; without one it gives the JSON
        return preprocess(decode(base64.b64decode(request["images"][0])), self.spec)

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        return np.stack(inputs)

    def predict(self, images: np.ndarray) -> np.ndarray:
        rows: np.ndarray = self.session.run(["embeddings"], {"images": images})[0]
        return rows

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        return list(output)

    def encode_response(self, output: np.ndarray) -> dict[str, Any]:
        return {"embeddings": [output.tolist()]}


if __name__ == "__main__":
    api = ReidAPI(max_batch_size=MAX_BATCH, batch_timeout=0.01, api_path="/embed")
    server = ls.LitServer(api, accelerator="cpu", timeout=120)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", generate_client_file=False)
