"""The service beside the bare model and LitServe, overloaded, and for a long time.

    python -m benchmarks.serving throughput --model models/lite0-imagenet.onnx [--provider cuda]
    python -m benchmarks.serving litserve --litserve-python VENV/bin/python
    python -m benchmarks.serving overload
    python -m benchmarks.serving soak --seconds 1800

Each writes benchmarks/serving/results/NAME.json; `python -m benchmarks.serving table` makes results/README.md of them.
Where ONNX Runtime cannot use the provider, the command says so and leaves the results alone.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any, get_args

from benchmarks.machine import machine
from benchmarks.serving import endurance, throughput
from benchmarks.serving.table import write_table
from service.cpus import usable_cpus
from service.providers import ProviderName, ProviderUnavailable

RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    if options.command != "table":
        shown = shlex.join(Path(a).name if Path(a).is_absolute() else a for a in arguments)
        try:
            measured = run(options)
        except ProviderUnavailable as why:
            print(f"Skipped: {options.command}: {str(why).partition(';')[0]}.")
            return 0
        result = {"machine": machine(), "command": f"python -m benchmarks.serving {shown}", **measured}
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{_name(options)}.json").write_text(json.dumps(result, indent=2) + "\n")
        print(json.dumps(result, indent=2))
    write_table(RESULTS)
    return 0


def run(options: argparse.Namespace) -> dict[str, Any]:
    """One measurement."""
    model, threads = options.model, options.threads
    if options.command == "throughput":
        return throughput.against_bare(
            model,
            threads=threads,
            crops_per_request=options.crops_per_request,
            rounds=options.rounds,
            seconds=options.seconds,
            provider=options.provider,
        )
    if options.command == "litserve":
        python = options.litserve_python
        return throughput.beside_litserve(
            model, python, threads=threads, rounds=options.rounds, seconds=options.seconds
        )
    measure = endurance.overload if options.command == "overload" else endurance.soak
    return measure(model, threads=threads, seconds=options.seconds)


def _name(options: argparse.Namespace) -> str:
    """Of the result file: a throughput is of one model on one provider."""
    if options.command != "throughput":
        return str(options.command)
    return f"throughput-{options.model.stem}" + ("" if options.provider == "cpu" else f"-{options.provider}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, seconds in (("throughput", 10.0), ("litserve", 10.0), ("overload", 60.0), ("soak", 1800.0)):
        command = commands.add_parser(name)
        command.add_argument("--model", type=Path, default=Path("models/lite0-imagenet.onnx"))
        command.add_argument("--threads", type=int, default=usable_cpus())
        command.add_argument("--seconds", type=float, default=seconds, help="of one round, or of the whole")
        command.add_argument("--rounds", type=int, default=7)
        command.add_argument("--crops-per-request", type=int, default=16)
        if name == "throughput":
            command.add_argument(
                "--provider", choices=get_args(ProviderName), default="cpu", help="what runs the model"
            )
        if name == "litserve":
            command.add_argument("--litserve-python", required=True, help="of an environment that has litserve")
    commands.add_parser("table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
