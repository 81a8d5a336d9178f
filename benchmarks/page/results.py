"""The committed result files, and the line that says where a result comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.machine import in_threads

BENCHMARKS = Path(__file__).resolve().parents[1]
Result = dict[str, Any]


def load(path: str) -> Result:
    """A result file; path from benchmarks/ on. Empty where it was not measured yet."""
    file = BENCHMARKS / path
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def source(result: Result, path: str) -> str:
    """Machine, threads, versions, command and file of a table."""
    about = result["machine"]
    told = (
        "onnxruntime-gpu" if "onnxruntime-gpu" in about["packages"] else "onnxruntime",
        "faiss-cpu",
        "torch",
        "numpy",
    )
    packages = ", ".join(f"{name} {about['packages'][name]}" for name in told)
    threads = in_threads(result.get("threads", about["cores"]))
    gpu = f"{about['gpu']}; " if "gpu" in about else ""
    return (
        f"{gpu}{about['cpu']}, {threads}, Python {about['python']}, {packages}; commit {about['commit']}; "
        f"`{result['command']}` → [{path}](../benchmarks/{path})"
    )


def table(head: list[str], rows: list[list[str]]) -> str:
    """Markdown; the first column to the left, the others to the right."""
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
