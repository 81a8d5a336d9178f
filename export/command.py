"""One export from beginning to end: strip, trace, convert, verify, and only then write."""

from __future__ import annotations

import argparse
from dataclasses import replace

import onnx
from rich.console import Console

from export.accuracy import part_of
from export.complexity import multiply_accumulates, parameters
from export.contract import check_same_model, model_id, read_match_calibration
from export.convert import Converted, convert
from export.crops import verification_crops
from export.deployed import DeployedBranch
from export.flavours import CONVENTIONS
from export.graph import trace, write_contract
from export.job import Job, Say
from export.output import check_target
from export.report import Report, report_paths
from export.request import Request, from_arguments
from export.source import Source, load_source
from export.verify import check_stripped
from reid_contract import EmbeddingSpec, Provenance
from training.data.datasets import load_dataset
from training.data.records import Dataset
from training.files import write_together
from training.version import code_version


def run(arguments: argparse.Namespace) -> None:
    """Exports as the command line says, and prints the report."""
    progress = Console(stderr=True, highlight=False)
    report = export_model(from_arguments(arguments), lambda text: progress.print(f"· {text}", soft_wrap=True))
    print(report.as_markdown())


def export_model(request: Request, say: Say = lambda _: None) -> Report:
    """Writes the file and its report, and returns the report.

    say: told what is going on. Raises ValueError (VerificationFailed among them) or OSError; then nothing is written.
    """
    check_target(request.out)
    job = _prepare(request, say)
    if request.precision != "int8":  # whose id is known at the end only; the others need not wait for a refusal
        _checked_id(job)
    say("tracing")
    spec = job.source.spec
    model = DeployedBranch(job.source.main, job.source.neck, spec, CONVENTIONS[request.flavour])
    proto = trace(model, spec.height, spec.width)
    check_stripped(proto, model)
    return _write(job, proto, convert(job, proto))


def _prepare(request: Request, say: Say) -> Job:
    if (request.dataset is None) != (request.data is None):
        raise ValueError("--dataset NAME and --data ROOT go together; only one of them is given")
    dataset = None
    if request.dataset is not None and request.data is not None:
        dataset = part_of(load_dataset(request.dataset, request.data), request.identities)
        if not dataset.query and request.allowed_loss is not None:
            raise ValueError(f"--max-loss needs queries to measure on; data set {dataset.name!r} has none")
    say(f"loading {request.source}")
    match_calibration = read_match_calibration(request.match_calibration) if request.match_calibration else None
    source = load_source(request.source, size=request.size, weights=request.weights)
    source = _described(source, request, dataset)
    crops = verification_crops(request.calibration, dataset, source.spec)
    model = DeployedBranch(source.main, source.neck, source.spec)
    return Job(request, source, model, match_calibration, dataset, crops, say)


def _described(source: Source, request: Request, dataset: Dataset | None) -> Source:
    """What the command line says about data and licence goes before what was found."""
    known = dataset.licence if dataset is not None and dataset.name == source.dataset else source.licence
    return replace(
        source,
        training_data=request.training_data or source.training_data,
        licence=request.licence or "; ".join(filter(None, (known, source.initial_terms))),
    )


def _write(job: Job, float_graph: onnx.ModelProto, converted: Converted) -> Report:
    embedding, provenance = _contract(job, converted)
    write_contract(converted.proto, job.source.spec, embedding, provenance)
    content = converted.proto.SerializeToString()
    calibration, dataset, out = converted.calibration, job.dataset, job.request.out
    report = Report(
        file=out.name,
        size=len(content),
        parameters=parameters(job.model),
        multiply_accumulates=multiply_accumulates(float_graph),
        opset=converted.proto.opset_import[0].version,
        preprocess=job.source.spec,
        embedding=embedding,
        provenance=provenance,
        verified_on=job.crops.source,
        parity=converted.parity,
        attempts=list(converted.attempts),
        calibrated_on=calibration.source if calibration else None,
        reduce_range=job.request.reduce_range if calibration else None,
        largest_activation=converted.largest_activation,
        dataset=dataset.name if dataset else None,
        synthetic=dataset.synthetic if dataset else False,
        identities=job.request.identities,
        accuracy=converted.accuracy,
    )
    page, data = report_paths(out)
    write_together({page: report.as_markdown().encode(), data: report.as_json().encode(), out: content})
    return report


def _contract(job: Job, converted: Converted) -> tuple[EmbeddingSpec, Provenance]:
    request, source, calibration = job.request, job.source, converted.calibration
    ranges = f"{calibration.digest} reduce_range={request.reduce_range}" if calibration else ""
    kept = converted.attempts[-1].what if converted.attempts else ""
    embedding = EmbeddingSpec(
        _checked_id(job, ranges + kept),
        job.expected.shape[1],
        calibration=job.match_calibration.calibration if job.match_calibration else None,
    )
    metrics: dict[str, float] = {}
    if converted.accuracy is not None and job.dataset is not None:
        figures = converted.accuracy.file
        where = job.dataset.name if request.identities is None else f"{job.dataset.name}-{request.identities}-persons"
        metrics |= {f"{where}/{name}": round(getattr(figures, name), 2) for name in ("mAP", "rank1")}
    provenance = Provenance(
        flavour=request.flavour,
        precision=request.precision,
        backbone=source.backbone,
        training_data=source.training_data,
        licence=source.licence,
        code_version=code_version(),
        metrics=metrics,
    )
    return embedding, provenance


def _checked_id(job: Job, quantised: str = "") -> str:
    """The model's id. quantised: what an int8 file's hangs on. Raises ValueError for a calibration of another model."""
    found = model_id(job.source.backbone, job.model, job.source.spec, job.request.precision, quantised)
    if job.match_calibration:
        check_same_model(job.match_calibration, found)
    return found
