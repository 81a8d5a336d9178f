"""What a container asks of its service, over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from service import healthcheck


@pytest.fixture(params=[200, 503])
def status(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A service whose readiness answers that status, listening everywhere as in a container."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(request.param if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(b"the model failed" if request.param == 503 else b"ready")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("REID_HOST", "0.0.0.0")
    monkeypatch.setenv("REID_PORT", str(server.server_port))
    yield request.param
    server.shutdown()
    server.server_close()


def test_ready_is_0_and_anything_else_is_1_with_its_reason(status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert healthcheck.main() == (0 if status == 200 else 1)
    assert ("failed" in capsys.readouterr().out) == (status == 503)


def test_nothing_listens(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("REID_HOST", "127.0.0.1")
    monkeypatch.setenv("REID_PORT", "1")
    assert healthcheck.main() == 1
    assert "no answer from 127.0.0.1:1" in capsys.readouterr().out


@pytest.mark.parametrize("port", ["", "abc", "-1", "65536", "9" * 5000])
def test_a_port_that_is_none_is_one_line(
    port: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REID_PORT", port)
    assert healthcheck.main() == 1
    assert capsys.readouterr().out == f"REID_PORT is {port!r}; allowed: a whole number from 0 to 65535\n"
