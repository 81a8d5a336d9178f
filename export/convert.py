"""From the fp32 graph to one of the wanted precision that passes verification."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import onnx

from export.accuracy import Accuracy, check_accuracy
from export.clients import as_client_sends
from export.crops import Crops, calibration_crops
from export.half import LARGEST_HALF, largest_activation, to_half
from export.job import Job, Say
from export.quantise import Quantiser
from export.regions import Layer, weight_names
from export.report import Attempt
from export.session import Session
from export.verify import Parity, VerificationFailed, check_parity, parity
from reid_contract import Precision

_KEPT_FLOAT = (2, 4, 8, 16)
_OVERFLOW_CROPS = 16


@dataclass(frozen=True)
class Converted:
    """A graph that passed, and what was found on the way; see Report."""

    proto: onnx.ModelProto
    parity: list[Parity]
    accuracy: Accuracy | None
    calibration: Crops | None = None
    attempts: tuple[Attempt, ...] = ()
    largest_activation: float | None = None


def convert(job: Job, proto: onnx.ModelProto) -> Converted:
    """Raises VerificationFailed where no way to the precision keeps embeddings and figures."""
    return _WAYS_TO[job.request.precision](job, proto)


def _fp32(job: Job, proto: onnx.ModelProto) -> Converted:
    return _judged(job, proto, _parity(job, proto))


def _fp16(job: Job, proto: onnx.ModelProto) -> Converted:
    largest = largest_activation(job.model, job.crops.pixels[:_OVERFLOW_CROPS])
    if not largest <= LARGEST_HALF:
        raise VerificationFailed(
            f"an activation reaches {largest:.0f}; fp16 ends at {LARGEST_HALF:.0f} and would overflow on a GPU"
        )
    half = to_half(proto)
    return replace(_judged(job, half, _parity(job, half)), largest_activation=largest)


def _int8(job: Job, proto: onnx.ModelProto) -> Converted:
    """Tries from all in int8 to ever more layers in fp32; the first way that passes is used."""
    request = job.request
    crops = calibration_crops(request.calibration, job.dataset, job.source.spec)
    images = as_client_sends(request.flavour, crops.pixels)
    attempts: list[Attempt] = []
    with Quantiser(proto, images, reduce_range=request.reduce_range) as quantiser:
        for what, kept in _ways(quantiser, weight_names(proto), job.say):
            job.say(f"quantising; in fp32: {what}")
            quantised = quantiser.quantise(keep_float=kept)
            found = _parity(job, quantised)
            attempt = Attempt(what, min(p.worst for p in found), found[-1].mean, "used")
            try:
                passed = _judged(job, quantised, found)
            except VerificationFailed as error:
                attempts.append(replace(attempt, outcome=str(error)))
                continue
            return replace(passed, calibration=crops, attempts=(*attempts, attempt))
    tried = "\n".join(f"  in fp32: {a.what}: {a.outcome}" for a in attempts)
    raise VerificationFailed(f"no way to int8 keeps the embeddings; tried\n{tried}")


def _ways(quantiser: Quantiser, names: dict[str, str], say: Say) -> Iterator[tuple[str, list[Layer]]]:
    """(in words, layers kept in fp32), from cheap to dear. The first layer sees pixels, the last makes the feature."""
    first, last = quantiser.layers[0], quantiser.layers[-1]
    yield "nothing", []
    yield "the first layer", [first]
    yield "the first and the last layer", [first, last]
    say("measuring what each layer alone costs in int8")
    ranked = [layer for layer in quantiser.by_sensitivity() if layer != first]
    for count in _KEPT_FLOAT:
        kept = ranked[:count]
        yield f"the first layer, {', '.join(names[layer[0]] for layer in kept)}", [first, *kept]


def _parity(job: Job, proto: onnx.ModelProto) -> list[Parity]:
    job.say(f"verifying on {job.crops.source}")
    return parity(Session(proto.SerializeToString()), job.request.flavour, job.crops.pixels, job.expected)


def _judged(job: Job, proto: onnx.ModelProto, found: list[Parity]) -> Converted:
    """Raises VerificationFailed where cosine, mAP or Rank-1 are not what the precision allows."""
    precision = job.request.precision
    check_parity(found, precision)
    accuracy = job.accuracy_of(Session(proto.SerializeToString()))
    if accuracy is not None:
        check_accuracy(accuracy, precision, job.request.allowed_loss)
    return Converted(proto, found, accuracy)


_WAYS_TO: dict[Precision, Callable[[Job, onnx.ModelProto], Converted]] = {"fp32": _fp32, "fp16": _fp16, "int8": _int8}
