"""Prometheus metrics: the numbers that explain a slow service, by stage. Labels never carry ids, paths or cameras."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_CROPS = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """One registry for one app, so that two apps in one process (tests) do not share counters."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        stage = Histogram(
            "reid_stage_seconds",
            "Time in one stage: decode and queue of a crop, inference of a batch, one search.",
            ["stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.decode_seconds = stage.labels("decode")
        self.queue_seconds = stage.labels("queue")
        self.inference_seconds = stage.labels("inference")
        self.search_seconds = stage.labels("search")
        self.batch_size = Histogram("reid_batch_crops", "Crops in one batch.", buckets=_CROPS, registry=self.registry)
        self.failed_batches = Counter("reid_failed_batches", "Batches the model failed on.", registry=self.registry)
        self.rejections = Counter(
            "reid_rejections", "Requests turned away, by reason.", ["reason"], registry=self.registry
        )
        self.requests = Counter(
            "reid_requests", "Answers, by route and status.", ["method", "route", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "reid_request_seconds",
            "From request to answer.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._gallery_entries = Gauge(
            "reid_gallery_entries", "Entries of a gallery.", ["gallery"], registry=self.registry
        )

    def watch(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """A gauge that is read when it is scraped."""
        Gauge(name, help_text, registry=self.registry).set_function(value)

    def render(self, gallery_entries: dict[str, int]) -> bytes:
        """Prometheus' text format, with the present sizes of the galleries."""
        self._gallery_entries.clear()
        for name, entries in gallery_entries.items():
            self._gallery_entries.labels(name).set(entries)
        return generate_latest(self.registry)
