"""What was exported and how well it agrees, for a person (Markdown) and for a program (JSON)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from export.accuracy import Accuracy
from export.flavours import CONVENTIONS
from export.verify import WORST_COSINE, Parity
from reid_contract import EmbeddingSpec, PreprocessSpec, Provenance
from training.evaluation.metrics import to_json


@dataclass(frozen=True)
class Attempt:
    """One way to the precision, and what became of it. outcome: "used", or why not."""

    what: str
    worst: float
    mean: float
    outcome: str


@dataclass(frozen=True)
class Report:
    """Everything known about one exported file. Sizes in bytes; multiply-accumulates of one crop."""

    file: str
    size: int
    parameters: int
    multiply_accumulates: int
    opset: int
    preprocess: PreprocessSpec
    embedding: EmbeddingSpec
    provenance: Provenance
    verified_on: str
    parity: list[Parity]
    attempts: list[Attempt] = field(default_factory=list)
    calibrated_on: str | None = None
    reduce_range: bool | None = None
    largest_activation: float | None = None
    dataset: str | None = None
    synthetic: bool = False
    identities: int | None = None
    accuracy: Accuracy | None = None

    def as_json(self) -> str:
        """All fields by name; mAP and Rank-1 before and after, and what is lost, in percentage points.

        Not the calibration: `calibrate --write` changes the file's own afterwards, and a second one here would lie.
        """
        body: dict[str, Any] = dataclasses.asdict(self)
        del body["embedding"]["calibration"]
        if self.accuracy:
            body["accuracy"] = {
                "pytorch": to_json(self.accuracy.pytorch),
                "file": to_json(self.accuracy.file),
                "loss": {name: round(loss, 3) for name, loss in self.accuracy.losses.items()},
            }
        return json.dumps(body, indent=2, ensure_ascii=False) + "\n"

    def as_markdown(self) -> str:
        """A page for whoever gets the file."""
        parts = [
            f"# {self.file}\n",
            _table(("", ""), self._summary()),
            f"## Agreement with PyTorch\n\nOn {self.verified_on}, fed as a client of the `{self.provenance.flavour}` "
            f"flavour does it; allowed: a worst cosine of {WORST_COSINE[self.provenance.precision]}.\n",
            _table(
                ("batch", "worst cosine", "mean cosine"),
                [(str(p.batch), f"{p.worst:.6f}", f"{p.mean:.6f}") for p in self.parity],
            ),
        ]
        if self.attempts:
            parts += ["## Quantisation\n", self._quantisation()]
        if self.accuracy:
            parts += ["## Accuracy\n", self._accuracy(self.accuracy)]
        return "\n".join([*parts, "## How to load it\n", loading_advice(self), ""])

    def _summary(self) -> list[tuple[str, str]]:
        convention = CONVENTIONS[self.provenance.flavour]
        spec = self.preprocess
        shape = f"(batch, {spec.height}, {spec.width}, 3)"
        if convention.layout == "NCHW":
            shape = f"(batch, 3, {spec.height}, {spec.width})"
        rows = [
            ("model id", f"`{self.embedding.model_id}`"),
            ("backbone", self.provenance.backbone),
            ("flavour, precision", f"{self.provenance.flavour}, {self.provenance.precision}"),
            ("input", f"`{convention.input_name}` {shape} {convention.dtype}"),
            ("output", f"`{convention.output_name}` (batch, {self.embedding.dim}) float32 of length 1"),
            ("size", f"{self.size / 1e6:.1f} MB"),
            ("parameters", f"{self.parameters / 1e6:.2f} M"),
            ("multiply-accumulates a crop", f"{self.multiply_accumulates / 1e9:.2f} G"),
            ("ONNX operator set", str(self.opset)),
            ("training data", self.provenance.training_data),
            ("licence", self.provenance.licence),
            ("code", self.provenance.code_version),
        ]
        if self.largest_activation is not None:
            rows.append(("largest activation", f"{self.largest_activation:.0f} (fp16 ends at 65504)"))
        return rows

    def _quantisation(self) -> str:
        bits = "7 bits (for CPUs without VNNI)" if self.reduce_range else "8 bits"
        rows = [(a.what, f"{a.worst:.4f}", f"{a.mean:.4f}", a.outcome) for a in self.attempts]
        return f"Ranges from {self.calibrated_on}; weights per channel in {bits}.\n\n" + _table(
            ("in fp32", "worst cosine", "mean cosine", "outcome"), rows
        )

    def _accuracy(self, accuracy: Accuracy) -> str:
        drawn = " (drawn or altered images)" if self.synthetic else ""
        names = (("mAP", "mAP"), ("Rank-1", "rank1"))
        rows = [
            (
                title,
                f"{getattr(accuracy.pytorch, name):.2f}",
                f"{getattr(accuracy.file, name):.2f}",
                f"{round(-accuracy.losses[name], 2) + 0.0:+.2f}",
            )
            for title, name in names
        ]
        part = f", {self.identities} persons only" if self.identities else ""
        crops = f"{accuracy.file.queries:,} queries, {accuracy.file.gallery:,} gallery crops"
        about = f"{self.dataset}{drawn}{part}: {crops}.\n\n"
        return about + _table(("%", "PyTorch", "this file", "change"), rows)


def report_paths(out: Path) -> tuple[Path, Path]:
    """Where the Markdown and the JSON of a model file stand."""
    return out.with_suffix(".report.md"), out.with_suffix(".report.json")


def loading_advice(report: Report) -> str:
    """What to type to use the file with the client it is for."""
    file, spec = report.file, report.preprocess
    return {
        "service": f"```\npython -m service --model {file}\n```",
        "boxmot": f'```python\nBotSort(reid_weights=Path("{file}"), device="cpu", half=False)\n```',
        "ultralytics": f"In the tracker's YAML:\n\n```yaml\nwith_reid: True\nmodel: {file}\n```",
        "deepstream": (
            "In nvtracker's configuration:\n\n```yaml\nReID:\n"
            f"  onnxFile: {file}\n  reidType: 2\n  addFeatureNormalization: 0\n"
            f"  reidFeatureSize: {report.embedding.dim}\n"
            f"  inferDims: [3, {spec.height}, {spec.width}]\n  inputOrder: 0\n  colorFormat: 0\n"
            "  netScaleFactor: 1.0\n  offsets: [0.0, 0.0, 0.0]\n  keepAspc: 0\n```"
        ),
    }[report.provenance.flavour]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
