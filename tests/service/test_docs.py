"""docs/service.md knows every setting, route, metric, option, scope and status."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.describe import described, main
from service.errors import TABLE
from service.keys import SCOPES
from service.schemas import SearchBody
from service.settings import Settings

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "service.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_tables_are_up_to_date() -> None:
    assert described(TEXT) == TEXT, "run python -m service.describe docs/service.md"
    assert main([str(DOCUMENT), "--check"]) == 0


def test_every_setting_and_route_is_there(client: TestClient) -> None:
    for name in Settings.model_fields:
        assert f"`--{name.replace('_', '-')}`" in TEXT
        assert f"`REID_{name.upper()}`" in TEXT
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method in methods:
            assert f"| {method.upper()} | `{path}` |" in TEXT


def test_every_option_scope_status_and_metric_is_there(client: TestClient) -> None:
    for option in set(SearchBody.model_fields) - {"images", "model_id"}:
        assert option in TEXT
    for scope in SCOPES:
        assert f"`{scope}`" in TEXT
    for status in {row.status for row in TABLE.values()} - {499}:
        assert re.search(rf"^\| .*\b{status}\b", TEXT, re.MULTILINE), status
    for family in re.findall(r"# TYPE (reid_\w+) ", client.get("/metrics").text):
        assert family.endswith("_created") or f"`{family}`" in TEXT, family


def test_an_outdated_document_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "service.md"
    copy.write_text(TEXT.replace("`REID_PORT`", "`REID_DOOR`"), encoding="utf-8")
    assert main([str(copy), "--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert main([str(copy)]) == 0
    assert copy.read_text(encoding="utf-8") == TEXT
