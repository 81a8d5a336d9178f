"""OpenTelemetry spans: where they are asked for, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient


@pytest.fixture(scope="module")
def exporter() -> Iterator[InMemorySpanExporter]:
    """The process has one provider; the apps of other tests do not trace."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    yield exporter
    provider.shutdown()


def test_a_request_is_a_span_of_its_caller(
    start: Callable[..., TestClient], crop: Callable[..., bytes], exporter: InMemorySpanExporter
) -> None:
    caller = "0af7651916cd43dd8448eb211c80319c"
    headers = {"Content-Type": "image/jpeg", "traceparent": f"00-{caller}-b7ad6b7169203331-01"}
    start().post("/embed", content=crop(1), headers=headers)
    assert exporter.get_finished_spans() == ()
    start(tracing=True).post("/embed", content=crop(1), headers=headers)
    spans = {span.name: span for span in exporter.get_finished_spans()}
    span = spans["POST /embed"]
    assert f"{span.context.trace_id:032x}" == caller
    assert span.attributes is not None
    assert span.attributes["http.route"] == "/embed"


def test_a_search_shows_where_its_time_went(
    start: Callable[..., TestClient], crop: Callable[..., bytes], exporter: InMemorySpanExporter
) -> None:
    client = start(tracing=True)
    exporter.clear()
    assert client.post("/search", content=crop(1), headers={"Content-Type": "image/jpeg"}).is_success
    spans = {span.name: span for span in exporter.get_finished_spans()}
    request = spans.pop("POST /search")
    stages = [spans[name] for name in ("decode", "queue", "inference", "search")]
    for span in stages:
        assert span.parent is not None
        assert span.context.trace_id == request.context.trace_id
        assert request.start_time <= span.start_time <= span.end_time <= request.end_time
    for earlier, later in pairwise(stages):
        assert earlier.end_time <= later.end_time
