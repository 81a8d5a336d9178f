"""What to deploy, what memory it takes, and which targets were reached."""

from __future__ import annotations

from benchmarks.machine import in_threads
from benchmarks.page.results import BENCHMARKS, Result, load, table
from gallery_index.shard import slot_bytes

POSE, ELSEWHERE = "pose_at_test/result.json", "pose_at_test/elsewhere"
ONE_CORE = "pose_at_test/result-one-core.json"
BATCHES = "pose_at_test/batches.json"
RIVAL = "PGFA + HRNet-W48"
RESNET, COMPACT = "PGFL-KD, ResNet-50", "PGFL-KD, compact"
TARGETS = ((RESNET, "fp32", 3.3), (RESNET, "int8", 6), (COMPACT, "fp32", 30), (COMPACT, "int8", 30))
GIB = 2**30


def answer() -> dict[str, str]:
    """The figures of the first paragraphs."""
    pose, one = load(POSE), load(ONE_CORE)
    ms, times = whole_ms(pose), times_faster(pose)
    return {
        "threads": in_threads(pose["threads"]),
        "one_pgfa": f"{whole_ms(one)[RIVAL, 'fp32']:.0f}",
        "one_compact": f"{whole_ms(one)[COMPACT, 'fp32']:.1f}",
        "one_times_compact": f"{times_faster(one)[COMPACT, 'fp32']:.0f}",
        "gallery": f"{pose['gallery']:,}",
        "ms_pgfa": f"{ms[RIVAL, 'fp32']:.0f}",
        "ms_fp32": f"{ms[RESNET, 'fp32']:.0f}",
        "ms_int8": f"{ms[RESNET, 'int8']:.0f}",
        "ms_compact": f"{ms[COMPACT, 'fp32']:.1f}",
        "ms_compact_int8": f"{ms[COMPACT, 'int8']:.1f}",
        "times_fp32": f"{times[RESNET, 'fp32']:.1f}",
        "times_int8": f"{times[RESNET, 'int8']:.1f}",
        "times_compact": f"{times[COMPACT, 'fp32']:.0f}",
        "times_compact_int8": f"{times[COMPACT, 'int8']:.0f}",
        "times_movenet": f"{ms['PGFA + MoveNet', 'fp32'] / ms[RESNET, 'fp32']:.2f}",
    }


def choice() -> str:
    """Which model and precision."""
    ms, alone, rates = whole_ms(load(POSE)), whole_ms(load(ONE_CORE)), load(BATCHES)["rows"]
    crops = {(r["network"], r["precision"], r["batch"]): r["crops_per_second"] for r in rates}
    batch = max(batch for *_, batch in crops)
    files = {(n["network"], f["precision"]): f for n in load("export/result.json")["networks"] for f in n["files"]}
    rows = []
    for method, network, exported in (
        (COMPACT, "tf_efficientnet_lite0", "EfficientNet-Lite0, 256×128"),
        (RESNET, "resnet50", "ResNet-50, 384×128"),
    ):
        for precision in ("int8", "fp32", "fp16"):
            file = files[exported, precision]
            size, cosine = f"{file['bytes'] / 1e6:.1f}", f"{file['worst_cosine']:.4f}"
            times = [f"{ms[method, precision]:.1f}", f"{alone[method, precision]:.1f}"]
            rate = f"{crops[network, precision, batch]:.0f}"
            rows.append([f"{exported}, {precision}", *times, rate, size, cosine])
    rate = f"crops/s, batches of {batch}"
    return table(["model", "a query, ms", "on one core, ms", rate, "file, MB", "worst cosine to fp32"], rows)


def memory() -> str:
    """What a gallery needs, from the size of its codes and embeddings."""
    rows = []
    for entries in (10_000, 100_000, 1_000_000, 10_000_000):
        row = [f"{entries:,}"]
        for dim in (1280, 2048):
            row += [f"{entries * slot_bytes(dim) / GIB:.3f}", f"{entries * 4 * dim / GIB:.2f}"]
        rows.append(row)
    head = ["crops in the gallery", "1280-d: memory, GiB", "disk, GiB", "2048-d: memory, GiB", "disk, GiB"]
    return table(head, rows)


def measured_memory() -> str:
    """What galleries that were measured held in memory."""
    found = []
    for dim, entries in ((1280, 100_000), (2048, 100_000), (2048, 1_000_000)):
        path = f"gallery/gallery-{dim}-{entries}.json"
        if result := load(path):
            mib = result["resident_mib_beyond_page_cache"]
            found.append(f"{mib} MiB for {entries:,} of {dim} ([{path}](../benchmarks/{path}))")
    return ", ".join(found)


def targets() -> str:
    """What was asked for, and what was measured on all cores and on one."""
    runs = [load(POSE), load(ONE_CORE)]
    head, rows = ["", "wanted"], [[what, wanted] for what, wanted, *_ in _targets(runs[0])]
    for pose in runs:
        head += [in_threads(pose["threads"]), ""]
        for row, (*_, measured, verdict) in zip(rows, _targets(pose), strict=True):
            row += [measured, verdict]
    return table(head, rows)


def elsewhere() -> str:
    """The same targets on other machines, a row for each."""
    rows = []
    for file in sorted((BENCHMARKS / ELSEWHERE).glob("*.json")):
        path = file.relative_to(BENCHMARKS).as_posix()
        pose = load(path)
        about, times, (worst, off) = pose["machine"], times_faster(pose), _worst_sum(pose)
        machine = (
            f"{about['cpu']}, {in_threads(pose['threads'])}; commit {about['commit']} ([result](../benchmarks/{path}))"
        )
        cells = [f"{times[method, precision]:.1f}" for method, precision, _ in TARGETS]
        rows.append([machine, f"{whole_ms(pose)[RIVAL, 'fp32']:.0f}", *cells, f"{off:+.1%} ({worst})"])
    head = [f"{method.removeprefix('PGFL-KD, ')} {precision}" for method, precision, _ in TARGETS]
    return table(["machine", f"{RIVAL}, ms", *head, "parts, worst"], rows)


def times_faster(pose: Result) -> dict[tuple[str, str], float]:
    """(method, precision) -> how many times faster than PGFA with HRNet-W48 a query is."""
    ms = whole_ms(pose)
    return {method: ms[RIVAL, "fp32"] / value for method, value in ms.items()}


def whole_ms(pose: Result) -> dict[tuple[str, str], float]:
    """(method, precision) -> milliseconds of a query."""
    return {(m["name"], m["precision"]): m["ms"]["whole"] for m in pose["methods"]}


def _worst_sum(pose: Result) -> tuple[str, float]:
    """The method whose parts add up the worst, and by how much of the whole they miss it. Of runs that did not pair
    them, the medians are compared."""
    off = {}
    for m in pose["methods"]:
        paired = m["parts_of_whole"] if "parts_of_whole" in m else m["ms"]["sum"] / m["ms"]["whole"]
        off[f"{m['name']} {m['precision']}"] = paired - 1
    worst = max(off, key=lambda name: abs(off[name]))
    return worst, off[worst]


def _targets(pose: Result) -> list[list[str]]:
    """Of one run: what, how much of it was wanted, how much was measured, and whether that is enough."""
    times, (worst, off) = times_faster(pose), _worst_sum(pose)
    rows = [
        _target(f"{method} {precision}, times faster than {RIVAL}", least, times[method, precision])
        for method, precision, least in TARGETS
    ]
    rows.append(["parts add up to the whole, worst method", "within 5 %", f"{off:+.1%} ({worst})", _met(off)])
    for name, points in pose["matching_seconds_by_gallery"].items():
        if name in ("PGFL-KD", "DSR", "SFR"):
            sizes, seconds = list(points), list(points.values())
            what = f"matching of {name}, {int(sizes[-1]):,} crops against {int(sizes[0]):,}"
            rows.append([what, "", f"× {seconds[-1] / seconds[0]:.1f}", ""])
    return rows


def _target(what: str, least: float, measured: float) -> list[str]:
    return [what, f"at least {least:g}", f"{measured:.1f}", "reached" if measured >= least else "**missed**"]


def _met(off: float) -> str:
    return "reached" if abs(off) <= 0.05 else "**missed**"
