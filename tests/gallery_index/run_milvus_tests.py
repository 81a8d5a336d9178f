"""Starts a Milvus server on a free port of this machine, runs the contract tests against it, and ends it.

.venv-milvus/bin/python tests/gallery_index/run_milvus_tests.py
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
PATIENCE = 240  # seconds until the server must be up


def main() -> int:
    """Returns pytest's exit status."""
    port = free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        data = str(Path(folder) / "data")  # of its own: the server takes an empty one for a new one
        command = [str(Path(sys.executable).with_name("milvus-server")), "--data", data, "--proxy-port", str(port)]
        with (Path(folder) / "server.log").open("w") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(port, server)
            environment = os.environ | {"REID_TEST_MILVUS": f"milvus://127.0.0.1:{port}"}
            tests = ["-m", "pytest", "-W", "default", "-m", "milvus", str(HERE / "test_gallery_contract.py")]
            return subprocess.run([sys.executable, *tests], env=environment, check=False).returncode
        finally:
            os.killpg(server.pid, signal.SIGTERM)  # milvus-server starts a process of its own, which would stay
            server.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Milvus listens some seconds before it answers; pymilvus waits for the rest."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    raise SystemExit(f"the Milvus server did not come up within {PATIENCE} s (exit status {server.poll()})")


if __name__ == "__main__":
    sys.exit(main())
