"""The batcher and the pipeline before it: order, overlap, overload, failure and shutdown in each state."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.admission import Admission
from service.batcher import Batcher
from service.errors import BadCrop, DeadlineExceeded, InferenceFailed, Overloaded, ShuttingDown
from service.metrics import Metrics
from service.pipeline import Demand, Pipeline
from tests.service.conftest import crop
from tests.service.fakes import HEIGHT, WIDTH, FakeEncoder, grid_colours

WAIT_S = 10


class Gate:
    """Holds the inference thread until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Semaphore(0)

    def __call__(self, _: np.ndarray) -> None:
        self.entered.release()
        assert self.opened.wait(WAIT_S)


def images(*values: int) -> np.ndarray:
    return np.stack([np.random.default_rng(v).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8) for v in values])


def soon(seconds: float = WAIT_S) -> Demand:
    return Demand(time.monotonic() + seconds)


@asynccontextmanager
async def pipeline(encoder: FakeEncoder, *, max_batch: int = 4, max_failures: int = 3) -> AsyncIterator[Pipeline]:
    broken = asyncio.Event()
    metrics = Metrics()
    batcher = Batcher(
        encoder, max_batch=max_batch, max_failures=max_failures, on_broken=broken.set, metrics=metrics,
        loop=asyncio.get_running_loop(),
    )  # fmt: skip
    made = Pipeline(encoder, batcher, decoders=2, max_pixels=10**6, metrics=metrics)
    made.broken = broken  # type: ignore[attr-defined]
    try:
        yield made
    finally:
        await asyncio.to_thread(made.close)


def run(test: Callable[[], Awaitable[Any]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(WAIT_S):
            await test()

    asyncio.run(bounded())


async def entered(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.entered.acquire, timeout=WAIT_S)


async def queued(pipe: Pipeline, crops: int) -> None:
    while pipe.batcher.queued != crops:
        await asyncio.sleep(0.001)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 7))
def test_every_caller_gets_its_own_rows_in_its_own_order(sizes: list[int], max_batch: int) -> None:
    encoder = FakeEncoder()

    async def test() -> None:
        async with pipeline(encoder, max_batch=max_batch) as pipe:
            asked = [images(*range(100 * i, 100 * i + size)) for i, size in enumerate(sizes)]
            answers = await asyncio.gather(*(pipe.embed_pixels(a, soon()) for a in asked))
            for question, answer in zip(asked, answers, strict=True):
                np.testing.assert_array_equal(answer, grid_colours(question))

    run(test)
    assert max(encoder.batches) <= max_batch
    assert sum(encoder.batches) == sum(sizes)


def test_the_next_batch_is_what_gathered_meanwhile() -> None:
    gate = Gate()
    encoder = FakeEncoder(before=gate)

    async def test() -> None:
        async with pipeline(encoder, max_batch=8) as pipe:
            first = asyncio.create_task(pipe.embed_pixels(images(0), soon()))
            await entered(gate)
            calls = [asyncio.create_task(pipe.embed_pixels(images(i), soon())) for i in range(1, 6)]
            await queued(pipe, 5)
            gate.opened.set()
            await asyncio.gather(first, *calls)
            assert encoder.batches == [1, 5]

    run(test)


def test_a_caller_that_has_gone_never_reaches_the_model() -> None:
    gate = Gate()
    encoder = FakeEncoder(before=gate)

    async def test() -> None:
        async with pipeline(encoder) as pipe:
            first = asyncio.create_task(pipe.embed_pixels(images(1), soon()))
            await entered(gate)
            gone = asyncio.create_task(pipe.embed_pixels(images(2, 3), soon()))
            stays = asyncio.create_task(pipe.embed_pixels(images(4), soon()))
            await queued(pipe, 3)
            gone.cancel()
            await asyncio.wait([gone])
            gate.opened.set()
            await asyncio.gather(first, stays)
            assert encoder.batches == [1, 1]

    run(test)


def test_a_deadline_is_looked_at_before_work_is_spent() -> None:
    gate = Gate()
    encoder = FakeEncoder(before=gate)

    async def test() -> None:
        async with pipeline(encoder) as pipe:
            with pytest.raises(DeadlineExceeded, match="before the crops were decoded"):
                await pipe.embed([crop(1)], soon(-1))
            first = asyncio.create_task(pipe.embed_pixels(images(1), soon()))
            await entered(gate)
            late = asyncio.create_task(pipe.embed_pixels(images(2), soon(0.01)))
            await queued(pipe, 1)
            await asyncio.sleep(0.02)
            gate.opened.set()
            await first
            with pytest.raises(DeadlineExceeded, match="waited for inference"):
                await late
            assert encoder.batches == [1]

    run(test)


def explode(_: np.ndarray) -> None:
    raise RuntimeError("out of memory")


@pytest.mark.parametrize(
    "failure",
    [
        lambda encoder: setattr(encoder, "before", explode),
        lambda encoder: setattr(type(encoder), "__call__", lambda self, images: grid_colours(images)[:-1]),
        lambda encoder: setattr(
            type(encoder), "__call__", lambda self, images: grid_colours(images) * np.float32("nan")
        ),
    ],
    ids=["exception", "a row too few", "not finite"],
)
def test_a_failed_batch_answers_all_its_callers_and_the_next_one_works(failure: Callable[[Any], None]) -> None:
    class Encoder(FakeEncoder):
        pass

    async def test() -> None:
        encoder = Encoder()
        healthy = encoder.before
        async with pipeline(encoder) as pipe:
            failure(encoder)
            calls = [asyncio.create_task(pipe.embed_pixels(images(i), soon())) for i in range(4)]
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [InferenceFailed] * 4
            assert not pipe.batcher.healthy
            encoder.before = healthy
            Encoder.__call__ = FakeEncoder.__call__  # type: ignore[method-assign]
            assert await pipe.probe() is None
            assert pipe.batcher.healthy

    run(test)


def test_failures_in_a_row_are_an_end() -> None:
    async def test() -> None:
        encoder = FakeEncoder(before=explode)
        async with pipeline(encoder, max_failures=3) as pipe:
            for i in range(3):
                assert not pipe.broken.is_set()  # type: ignore[attr-defined]
                with pytest.raises(InferenceFailed):
                    await pipe.embed_pixels(images(i), soon())
            await pipe.broken.wait()  # type: ignore[attr-defined]

    run(test)


def test_closing_fails_what_waits_and_finishes_what_runs() -> None:
    gate = Gate()

    async def test() -> None:
        async with pipeline(FakeEncoder(before=gate)) as pipe:
            runs = asyncio.create_task(pipe.embed_pixels(images(1), soon()))
            await entered(gate)
            waits = asyncio.create_task(pipe.embed_pixels(images(2), soon()))
            await queued(pipe, 1)
            closing = asyncio.create_task(asyncio.to_thread(pipe.close))
            with pytest.raises(ShuttingDown):
                await waits
            assert not closing.done()
            gate.opened.set()
            await closing
            np.testing.assert_array_equal(await runs, grid_colours(images(1)))
            with pytest.raises(ShuttingDown):
                await pipe.embed_pixels(images(3), soon())

    run(test)


def test_closing_an_idle_pipeline_is_quick() -> None:
    async def test() -> None:
        async with pipeline(FakeEncoder()):
            pass

    run(test)


def test_a_bad_crop_fails_or_is_skipped() -> None:
    async def test() -> None:
        encoder = FakeEncoder()
        async with pipeline(encoder) as pipe:
            crops = [crop(1), b"junk", crop(2), b""]
            with pytest.raises(BadCrop):
                await pipe.embed(crops, soon())
            embedded = await pipe.embed(crops, Demand(time.monotonic() + WAIT_S, skip_bad=True))
            assert embedded.good == [0, 2]
            assert [failure.index for failure in embedded.failures] == [1, 3]
            all_bad = await pipe.embed([b"a", b"b"], Demand(time.monotonic() + WAIT_S, skip_bad=True))
            assert all_bad.good == []

    run(test)


def test_decoding_goes_on_while_the_model_works() -> None:
    gate = Gate()

    async def test() -> None:
        async with pipeline(FakeEncoder(before=gate)) as pipe:
            first = asyncio.create_task(pipe.embed([crop(1)], soon()))
            await entered(gate)
            second = asyncio.create_task(pipe.embed([crop(2), crop(3)], soon()))
            await queued(pipe, 2)
            gate.opened.set()
            await asyncio.gather(first, second)

    run(test)


@given(st.integers(1, 20), st.lists(st.integers(1, 20), max_size=12))
def test_admission_never_lets_in_more_than_fit(capacity: int, wishes: list[int]) -> None:
    admission, open_places = Admission(capacity), []
    for wish in wishes:
        place = admission.admit(wish)
        if admission.inside + wish <= capacity:
            place.__enter__()
            open_places.append(place)
        else:
            with pytest.raises(Overloaded, match=f"of {capacity} places"):
                place.__enter__()
        assert admission.inside <= capacity
    for place in open_places:
        place.__exit__(None, None, None)
    assert admission.inside == 0


def test_a_place_is_free_again_after_a_failure() -> None:
    admission = Admission(2)
    with pytest.raises(ZeroDivisionError), admission.admit(2):
        _ = 1 / 0
    assert admission.inside == 0
    admission.close()
    with pytest.raises(ShuttingDown), admission.admit(1):
        pass


def test_retry_after_is_the_time_the_house_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("service.admission.time.monotonic", lambda: now[0])
    admission = Admission(40)
    for _ in range(11):
        with admission.admit(10):
            now[0] += 1.0
    for quiet in (0.0, 600.0):
        now[0] += quiet
        with admission.admit(40), pytest.raises(Overloaded) as full, admission.admit(1):
            pass
        assert full.value.retry_after == pytest.approx(4, rel=0.35)
