"""`python -m training COMMAND …`: every command is a module in training/commands with `add_arguments` and `run`."""

from __future__ import annotations

import argparse
import importlib
import sys
from types import ModuleType

COMMANDS = (
    "fit",
    "evaluate",
    "ablate",
    "compare",
    "sweep",
    "interpolate",
    "complexity",
    "visualize",
    "pose-cache",
    "calibrate",
    "make-partial",
    "make-occluded",
)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit status. A ValueError or OSError ends in one line and status 1."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m training", description="Train and evaluate PGFL-KD.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    wanted = next((a for a in arguments if a in COMMANDS), None)
    modules = {name: _module(name) for name in COMMANDS if wanted in (None, name)}
    for name, module in modules.items():
        summary = (module.__doc__ or "").strip().splitlines()[0]
        module.add_arguments(commands.add_parser(name, help=summary, description=summary))
    parsed = parser.parse_args(arguments)
    try:
        return int(modules[parsed.command].run(parsed) or 0)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _module(command: str) -> ModuleType:
    """Imported one by one, so that `make-partial --help` does not wait for torch."""
    return importlib.import_module(f"training.commands.{command.replace('-', '_')}")


if __name__ == "__main__":
    sys.exit(main())
