"""Prometheus asks what exists: every metric of an alert is one that the service has."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from service.metrics import Metrics

MONITORING = Path(__file__).resolve().parents[2] / "docker" / "monitoring"
RULES: list[dict[str, Any]] = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"][0]["rules"]


def exported() -> set[str]:
    """The names of all series that a scrape of the service shows, histogram parts too."""
    metrics = Metrics()
    metrics.requests.labels("GET", "/livez", "200").inc()
    metrics.request_seconds.labels("GET", "/livez").observe(0.1)
    metrics.rejections.labels("full").inc()
    text = metrics.render({"default": 1}).decode()
    return {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_metrics_that_exist(rule: dict[str, Any]) -> None:
    asked = set(re.findall(r"\breid_\w+", rule["expr"]))
    assert asked <= exported()
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert rule["expr"].count("(") == rule["expr"].count(")")


def test_the_alerts_come_when_they_should() -> None:
    """Prometheus' own tests of rules, where its tool is installed."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run(
        [promtool, "test", "rules", str(MONITORING / "alerts_test.yaml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_such_a_test() -> None:
    cases = yaml.safe_load((MONITORING / "alerts_test.yaml").read_text())["tests"]
    expected = {case["alertname"] for test in cases for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert expected == {rule["alert"] for rule in RULES}


def test_prometheus_finds_the_service_its_key_and_its_rules() -> None:
    config = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())
    compose = yaml.safe_load((MONITORING.parent / "compose.monitoring.yaml").read_text())
    job = config["scrape_configs"][0]
    assert job["static_configs"][0]["targets"] == ["reid:8000"]
    assert job["authorization"]["credentials_file"] == "/run/secrets/" + next(iter(compose["secrets"]))
    assert all((MONITORING / name).is_file() for name in config["rule_files"])


def test_grafana_reads_from_the_prometheus_beside_it() -> None:
    source = yaml.safe_load((MONITORING / "grafana/datasource.yaml").read_text())["datasources"][0]
    compose = yaml.safe_load((MONITORING.parent / "compose.monitoring.yaml").read_text())
    assert re.fullmatch(r"http://(\w+):9090", source["url"])[1] in compose["services"]  # type: ignore[index]
    provider = yaml.safe_load((MONITORING / "grafana/dashboards.yaml").read_text())["providers"][0]
    mounted = [volume.split(":")[1] for volume in compose["services"]["grafana"]["volumes"]]
    assert any(path.startswith(provider["options"]["path"]) for path in mounted)
