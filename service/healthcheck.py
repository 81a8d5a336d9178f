"""`python -m service.healthcheck`: exit status 0 while the service is ready; what a container asks every few seconds.

Only the standard library, and as little of that as will do: it must be cheap. It asks where REID_HOST and REID_PORT
say that the service listens.
"""

from __future__ import annotations

import http.client
import os
import sys

_TIMEOUT_S = 4.0
_LAST_PORT = 65535
_EVERYWHERE = {"", "0.0.0.0", "::"}


def main() -> int:
    """Returns 0 when /readyz answers 200, otherwise 1 with one line that says what is wrong."""
    host, port = os.environ.get("REID_HOST", "127.0.0.1"), os.environ.get("REID_PORT", "8000")
    if not port.isdecimal() or len(port) > 5 or int(port) > _LAST_PORT:
        print(f"REID_PORT is {port!r}; allowed: a whole number from 0 to {_LAST_PORT}")
        return 1
    connection = http.client.HTTPConnection("localhost" if host in _EVERYWHERE else host, int(port), timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        print(answer.read(500).decode(errors="replace"))
        return 0 if answer.status == http.client.OK else 1
    except OSError as error:
        print(f"no answer from {connection.host}:{port}: {error}")
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
