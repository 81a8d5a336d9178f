"""The rest of the page: every benchmark's figures."""

from __future__ import annotations

from pathlib import Path
from string import Template

from benchmarks.page.results import BENCHMARKS, Result, load, source, table

HERE = Path(__file__).parent


def serving() -> str:
    """The service beside each other server, a table each."""
    head = ["server", "crops/s", "p50, ms", "p99, ms", "not answered"]
    parts = []
    for rival, path in (("litserve", "serving/results/litserve.json"), ("bentoml", "serving/bentoml.json")):
        if result := load(path):
            kept = ("crops_per_second", "p50_ms", "p99_ms", "not_answered")
            names = {"service": "service", rival: f"{rival} {result[f'{rival}_version']}"}
            rows = [[told, *(f"{result[name][key]:,}" for key in kept)] for name, told in names.items()]
            parts += [table(head, rows), source(result, path)]
    return "\n\n".join(parts)


def rivals() -> str:
    result = load("rivals/result.json")
    contenders = {n: f for n, f in result.get("contenders", {}).items() if "searches" in f}
    if not contenders:
        return "Not measured yet: `python -m benchmarks.rivals`."
    kinds = list(next(iter(contenders.values()))["searches"])
    head = ["", *(f"{kind}: recall@10, ms, p90" for kind in kinds), "memory, MiB", "disk, MiB", "first answer, s"]
    rows = [
        [
            f"{name} ({figures['version']})",
            *(f"{s['recall_at_10']:.3f}, {s['ms']:.1f}, {s['p90_ms']:.1f}" for s in figures["searches"].values()),
            f"{figures['memory_mib']:,.0f}",
            f"{figures['disk_mib']:,.0f}",
            f"{figures['first_answer_seconds']:.1f}",
        ]
        for name, figures in contenders.items()
    ]
    return (
        Template((HERE / "rival_text.md").read_text(encoding="utf-8"))
        .substitute(
            entries=f"{result['entries']:,}",
            dim=result["dim"],
            queries=result["queries"],
            searches=table(head, rows),
            killed=_killed(result),
            source=source(result, "rivals/result.json"),
        )
        .rstrip()
    )


def others() -> str:
    export, training = load("export/result.json"), load("training/result.json")
    evaluation, end, container = (
        load(f"{name}.json") for name in ("evaluation/result", "end_to_end/result", "container/results")
    )
    steps = [
        f"{s['pgflkd_to_baseline']:.2f} ({s['backbone']}, {s['size'][0]}×{s['size'][1]}, teachers {s['teachers']})"
        for s in training["steps"]
    ]
    int8 = [f"{n['files'][2]['times_fp32_throughput']:.2f} ({n['network']})" for n in export["networks"]]
    figures = evaluation["figures"]
    rows = [
        ["a training step, times the Baseline's", "; ".join(steps), "training/result.json"],
        [
            "key points in every step: HRNet-W48, MoveNet, times the Baseline's",
            _online(training),
            "training/result.json",
        ],
        ["int8, times fp32's throughput, batches of 8", "; ".join(int8), "export/result.json"],
        [
            "the evaluator, times faster than a plain loop",
            f"{figures['times_faster_than_plain_loop']:.0f}",
            "evaluation/result.json",
        ],
        ["Market-1501 through HTTP: Rank-1, mAP; offline", _end(end), "end_to_end/result.json"],
        ["crops/s enrolled over HTTP", f"{end['enrolled_crops_per_second']}", "end_to_end/result.json"],
        ["container: ready after, s; memory, MB", _container(container), "container/results.json"],
    ]
    linked = [[what, value, f"[{path}](../benchmarks/{path})"] for what, value, path in rows]
    return table(["", "measured", "result, with machine and versions"], linked)


def quick() -> str:
    """The results of `make bench`."""
    files = sorted((BENCHMARKS / "results").glob("*.md"))
    return (
        "\n".join(f"- [{file.stem}](../benchmarks/results/{file.name})" for file in files) or "None is committed yet."
    )


def _killed(result: Result) -> str:
    rows = []
    for name, figures in result["contenders"].items():
        if "killed" in figures:
            each = [
                f"{r['acknowledged']:,}: {r['lost']:,}" if r["opens"] else "does not open" for r in figures["killed"]
            ]
            found = all(r.get("last_is_found") for r in figures["killed"])
            rows.append([name, *each, "yes" if found else "no"])
    return table(["", *(f"kill {n}: acknowledged, lost" for n in (1, 2, 3)), "the last entry left is found"], rows)


def _online(training: Result) -> str:
    online = training["online_pose"]
    return f"{online['hrnet-w48']:.2f}, {online['movenet']:.2f} (cached: {online['cached']:.2f})"


def _end(end: Result) -> str:
    http, offline = end["through_http"], end["offline"]
    return f"{http['rank1']:.2f}, {http['mAP']:.2f}; {offline['rank1']:.2f}, {offline['mAP']:.2f} ({end['model']})"


def _container(container: Result) -> str:
    return f"{container['ready_seconds']['median']}; {container['resident_mb']['ready']}"
