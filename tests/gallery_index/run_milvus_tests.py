"""Starts a Milvus server on a free port of this machine, runs the contract tests against it, and ends it.

.venv-milvus/bin/python tests/gallery_index/run_milvus_tests.py
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
PATIENCE = 120  # seconds until the server must be up


def main() -> int:
    """Returns pytest's exit status."""
    port = free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        command = [str(Path(sys.executable).with_name("milvus-server")), "--data", data, "--proxy-port", str(port)]
        with (Path(data) / "server.log").open("w") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(port, server)
            environment = os.environ | {"REID_TEST_MILVUS": f"milvus://127.0.0.1:{port}"}
            tests = ["-m", "pytest", "-W", "default", "-m", "milvus", str(HERE / "test_gallery_contract.py")]
            return subprocess.run([sys.executable, *tests], env=environment, check=False).returncode
        finally:
            server.terminate()
            server.wait(30)
            shutil.rmtree(data, ignore_errors=True)


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
