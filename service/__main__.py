"""`python -m service`: serves; `python -m service keys …`: looks after the API keys."""

from __future__ import annotations

import os
import signal
import sys

if __name__ == "__main__":  # as process 1 of a container, SIGTERM would be lost on us until the server handles it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from gallery_index.errors import GalleryError
from service import key_commands
from service.settings import Settings

_SECRET = {"api_key"}


def main(arguments: list[str] | None = None) -> int:
    """Runs until a signal; returns the exit status. What is wrong with the settings or the model ends in one line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments[:1] == ["keys"]:
            return key_commands.main(arguments[1:])
        from service.run import serve  # noqa: PLC0415  --help should not wait for ONNX Runtime and faiss

        return serve(CliApp.run(Settings, cli_args=arguments))
    except ValidationError as error:
        for fault in error.errors():
            name = ".".join(str(part) for part in fault["loc"])
            told = name and name not in _SECRET  # of a fault between settings the input is all of them, the key too
            given = f" (got {fault['input']!r})" if told else ""
            print(f"error: {name or 'settings'}: {fault['msg']}{given}", file=sys.stderr)
    except (SettingsError, ValueError, OSError, GalleryError) as error:
        print(f"error: {error}{_remedy(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


def _remedy(error: Exception) -> str:
    """What goes wrong most with a container's volume is its owner: say whose it must be."""
    if not isinstance(error, PermissionError) and not isinstance(error.__cause__, PermissionError):
        return ""
    user = f"{os.getuid()}:{os.getgid()}"
    return f"; this process is user {user}, and the directory must be its own: chown -R {user} DIRECTORY"


if __name__ == "__main__":
    sys.exit(main())
