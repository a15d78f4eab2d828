"""Counters for /metrics, one registry an app: nothing is global, no tenant, order or token is a label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """What this app counted; `gauges` is asked at each scrape for (name, help, value)."""

    def __init__(self, gauges: Callable[[], Iterable[tuple[str, str, float]]]) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "sealtrail_requests", "Answered requests.", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "sealtrail_request_seconds", "Time to answer.", ("route",), buckets=_SECONDS, registry=self.registry
        )
        # The library looks a child up by its labels as strings, under a lock: half of what counting costs.
        self._answers: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._events = Counter("sealtrail_events", "Events by outcome.", ("outcome",), registry=self.registry)
        self.registry.register(_Gauges(gauges))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer; a status of 0 is an answer that never began."""
        name = method if method in _METHODS else "other", route, status
        answers = self._answers.get(name)
        if answers is None:
            answers = self._requests.labels(name[0], route, str(status)), self._seconds.labels(route)
            self._answers[name] = answers
        counter, histogram = answers
        counter.inc()
        histogram.observe(seconds)

    def events(self, counts: Mapping[str, int]) -> None:
        """Count the outcomes of one request: accepted, known, refused."""
        for outcome, count in counts.items():
            if count:
                self._events.labels(outcome).inc(count)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)


class _Gauges(Collector):
    def __init__(self, gauges: Callable[[], Iterable[tuple[str, str, float]]]) -> None:
        self._gauges = gauges

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing beforehand: values are asked for at each scrape only."""
        return []

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The values now."""
        for name, about, value in self._gauges():
            yield GaugeMetricFamily(name, about, value=value)
