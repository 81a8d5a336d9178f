"""Dashboard and metrics agree: every query asks for a metric, with labels, that the service has."""

from __future__ import annotations

import json
import re
from pathlib import Path

from starlette.testclient import TestClient

DASHBOARD = Path(__file__).resolve().parents[2] / "docker" / "monitoring" / "dashboard.json"
GRAFANAS = {"le", "instance"}


def test_every_panel_asks_for_what_there_is(client: TestClient) -> None:
    client.post("/embed", content=b"x", headers={"Content-Type": "image/png"})
    client.post("/embed", content=b"x", headers={"Content-Type": "application/x-crops", "Content-Length": "99999999"})
    text = client.get("/metrics").text
    families = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    labels = set(re.findall(r'(\w+)="', text)) | GRAFANAS
    queries = [t["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for t in panel["targets"]]
    assert queries
    asked = {name for query in queries for name in re.findall(r"reid_\w+", query)}
    for name in asked:
        assert name in families or re.sub(r"_(bucket|sum|count)$", "", name) in families, name
    for query in queries:
        used = set(re.findall(r"(\w+)[!=]~?\"", query)) | {
            label.strip() for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(",")
        }
        assert used <= labels, query
    ours = {family for family in families if family.startswith("reid_") and not family.endswith("_created")}
    known = {re.sub(r"_total$", "", family) for family in ours}
    assert known <= {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in asked}, "a metric nobody sees"
