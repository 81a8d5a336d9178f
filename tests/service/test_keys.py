"""API keys: the file, the commands, and the doors they open."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from reid_contract import EmbeddingSpec
from service.__main__ import main
from service.keys import KeyFile, KeyFileError, Scope
from tests.service.fakes import DIM, MemoryGalleries

Start = Callable[..., TestClient]

PROBES = ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready")
OPEN = {(method, path) for method in ("GET", "HEAD") for path in PROBES}
NEEDS: dict[tuple[str, str], Scope | None] = {
    ("POST", "/embed"): "embed",
    ("POST", "/search"): "search",
    ("GET", "/galleries"): "search",
    ("PUT", "/galleries/{gallery}"): "admin",
    ("GET", "/galleries/{gallery}"): "search",
    ("DELETE", "/galleries/{gallery}"): "admin",
    ("GET", "/galleries/{gallery}/entries"): "search",
    ("POST", "/galleries/{gallery}/entries"): "enrol",
    ("DELETE", "/galleries/{gallery}/entries"): "erase",
    ("GET", "/galleries/{gallery}/entries/{id}"): "search",
    ("GET", "/galleries/{gallery}/entries/{id}/thumbnail"): "search",
    ("PUT", "/galleries/{gallery}/entries/{id}"): "enrol",
    ("DELETE", "/galleries/{gallery}/entries/{id}"): "erase",
    ("GET", "/examples"): "search",
    ("GET", "/examples/{name}"): "search",
    ("GET", "/model"): None,
    ("GET", "/metrics"): None,
    ("GET", "/v2"): None,
    ("GET", "/v2/models/{name}"): None,
    ("GET", "/v2/models/{name}/ready"): None,
    ("GET", "/v2/models/{name}/config"): None,
    ("POST", "/v2/models/{name}/infer"): "embed",
    ("GET", "/v2/models/{name}/versions/{version}"): None,
    ("GET", "/v2/models/{name}/versions/{version}/ready"): None,
    ("GET", "/v2/models/{name}/versions/{version}/config"): None,
    ("POST", "/v2/models/{name}/versions/{version}/infer"): "embed",
}
"""Every route with data, and the scope it needs; None: any key."""


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "secret" / "keys.json")


def routes(client: TestClient) -> set[tuple[str, str]]:
    """Every route of the app that is not its documentation."""
    app: Any = client.app
    return {(method, r.path) for r in every_route(app.routes) for method in r.methods}


def every_route(listed: Any) -> list[APIRoute]:
    found: list[APIRoute] = []
    for route in listed:
        if isinstance(route, APIRoute):
            found.append(route)
        elif nested := getattr(getattr(route, "original_router", route), "routes", None):
            found += every_route(nested)
    return found


def ask(client: TestClient, method: str, path: str, key: str | None = None, header: str = "Authorization") -> Any:
    url = path.replace("{gallery}", "default").replace("{id}", "e1").replace("{name}", "reid").replace("{version}", "1")
    value = f"Bearer {key}" if header == "Authorization" else key
    return client.request(method, url, headers={header: value} if value and key else {})


def test_the_walk_knows_every_route(start: Start, keys: KeyFile) -> None:
    client = start(keys=keys)
    assert routes(client) == OPEN | set(NEEDS)


@pytest.mark.parametrize(("method", "path"), sorted(NEEDS))
def test_no_door_opens_without_the_right_key(start: Start, keys: KeyFile, method: str, path: str) -> None:
    right: Scope = NEEDS[method, path] or "embed"
    others: list[Scope] = [s for s in ("embed", "search", "enrol", "erase") if s != right]
    good, other = keys.create("good", [right]), keys.create("other", others)
    client = start(keys=keys)
    for bad in (None, "nonsense", good[:-1] + ("a" if good[-1] != "a" else "b"), "reid_" + "0" * 12 + "_" + "a" * 43):
        answer = ask(client, method, path, bad)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="reid"')
    wrong_scope = ask(client, method, path, other)
    assert wrong_scope.status_code == (403 if NEEDS[method, path] else wrong_scope.status_code)
    if NEEDS[method, path]:
        assert f"lacks the scope '{right}'" in wrong_scope.json()["detail"]
    for header in ("Authorization", "X-API-Key"):
        assert ask(client, method, path, good, header).status_code not in {401, 403}
    assert keys.revoke("good") == 1
    assert ask(client, method, path, good).status_code == 401


@pytest.mark.parametrize(("method", "path"), sorted(key for key in NEEDS if "{gallery}" in key[1]))
def test_a_key_of_another_gallery_opens_none(start: Start, keys: KeyFile, method: str, path: str) -> None:
    key = keys.create("shop", ["admin"], gallery="shop")
    answer = ask(start(keys=keys), method, path, key)
    assert answer.status_code == 403
    assert "may use the gallery 'shop' only" in answer.json()["detail"]


def test_a_key_of_another_gallery_does_not_see_or_search_it(
    start: Start, keys: KeyFile, galleries: MemoryGalleries
) -> None:
    key = {"X-API-Key": keys.create("shop", ["search"], gallery="shop")}
    client = start(keys=keys)
    galleries.create("shop", EmbeddingSpec("grid-1", DIM), by="test")
    body = {"embeddings": [[1.0] * DIM]}
    assert client.get("/galleries", headers=key).json() == {"galleries": ["shop"]}
    assert client.post("/search", json=body, headers=key).status_code == 403
    assert client.post("/search", json=body | {"gallery": "nowhere"}, headers=key).status_code == 403
    assert client.post("/search", json=body | {"gallery": "shop"}, headers=key).status_code == 200


def test_the_gallery_hears_the_name_of_the_key(start: Start, keys: KeyFile, galleries: MemoryGalleries) -> None:
    key = {"X-API-Key": keys.create("Camera 7", ["enrol", "search", "erase"])}
    client = start(keys=keys)
    entry = {"camera_id": "c", "captured_at": "2026-11-22T10:00:00Z", "embedding": [1.0] * DIM}
    client.put("/galleries/default/entries/a", json=entry, headers=key)
    client.post("/search", json={"embeddings": [[1.0] * DIM]}, headers=key)
    client.delete("/galleries/default/entries/a", headers=key)
    asked = galleries.all["default"].asked
    assert asked == [("upsert", "Camera 7"), ("search", "Camera 7"), ("delete", "Camera 7")]


def test_a_key_is_asked_for_as_soon_as_there_is_one(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    client = start(keys=KeyFile(file, open_at_first=True))
    assert client.get("/galleries").status_code == 200
    key = KeyFile(file).create("first", ["search"])
    assert client.get("/galleries").status_code == 401
    assert client.get("/galleries", headers={"X-API-Key": key}).status_code == 200
    file.write_text("{}")
    assert client.get("/galleries", headers={"X-API-Key": key}).status_code == 503


def test_metrics_tell_a_key_of_its_own_gallery_only(start: Start, keys: KeyFile, galleries: MemoryGalleries) -> None:
    client = start(keys=keys)
    galleries.create("secret", galleries.open("default").embedding, by="test")
    bound = keys.create("bound", ["metrics"], gallery="default")
    told = client.get("/metrics", headers={"X-API-Key": bound}).text
    assert 'gallery="default"' in told
    assert "secret" not in told
    assert client.post("/search", headers={"X-API-Key": bound}).status_code == 403


def test_the_file_holds_no_secret_and_belongs_to_its_owner(keys: KeyFile) -> None:
    key = keys.create("camera", ["embed", "search"])
    assert re.fullmatch(r"reid_[0-9a-f]{12}_[\w-]{43}", key)
    text = keys.path.read_text()
    assert key.rpartition("_")[2] not in text
    assert key[18:] not in text
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600


def test_a_running_service_sees_changes_at_once(keys: KeyFile) -> None:
    watching = KeyFile(keys.path)
    key = keys.create("camera", ["embed"])
    owner = watching.authenticate(key)
    assert owner is not None
    assert (owner.name, owner.scopes) == ("camera", {"embed"})
    keys.revoke("camera")
    assert watching.authenticate(key) is None
    assert len(watching.records()) == 1


def test_a_key_expires(keys: KeyFile) -> None:
    key = keys.create("guest", ["search"], expires_days=1)
    assert keys.authenticate(key)
    body = json.loads(keys.path.read_text())
    body["keys"][0]["expires_at"] = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
    keys.path.write_text(json.dumps(body))
    assert keys.authenticate(key) is None
    for wrong in ("2027-01-01", "soon", 7):
        body["keys"][0]["expires_at"] = wrong
        keys.path.write_text(json.dumps(body))
        with pytest.raises(KeyFileError, match="expires_at of the key 'guest'"):
            keys.authenticate(key)


def test_what_makes_no_sense(keys: KeyFile) -> None:
    keys.create("camera", ["embed"])
    with pytest.raises(KeyFileError, match="in use already"):
        keys.create("camera", ["embed"])
    with pytest.raises(KeyFileError, match="not allowed"):
        keys.create("line\nbreak", ["embed"])
    for days in (0, -1, 10**9):
        with pytest.raises(KeyFileError, match="allowed: 1 to 36500"):
            keys.create("guest", ["embed"], expires_days=days)
    with pytest.raises(KeyFileError, match="no gallery can be named 'Shöp'"):
        keys.create("guest", ["embed"], gallery="Shöp")
    with pytest.raises(KeyFileError, match="no key named 'door'"):
        keys.revoke("door")
    keys.path.write_text("{}")
    with pytest.raises(KeyFileError, match="not a key file"):
        keys.authenticate("reid_x")


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = ["--keys", str(tmp_path / "keys.json")]
    assert main(["keys", "create", "camera", "--scope", "embed", "enrol", "--gallery", "shop", *there]) == 0
    key = capsys.readouterr().out.strip()
    owner = KeyFile(tmp_path / "keys.json").authenticate(key)
    assert owner is not None
    assert (owner.scopes, owner.gallery) == ({"embed", "enrol"}, "shop")
    assert main(["keys", "list", *there]) == 0
    listed = capsys.readouterr().out
    assert "camera" in listed
    assert key[18:] not in listed
    assert main(["keys", "revoke", "camera", *there]) == 0
    assert main(["keys", "revoke", "camera", *there]) == 1
    assert "no key named 'camera'" in capsys.readouterr().err
