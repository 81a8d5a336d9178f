"""Many runs of one budget, compared: the rows of Tables 6 and 7 and the curves of Fig. 3. Resumable run by run."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from training.config import TrainConfig
from training.fields import from_dict
from training.presets import TABLE_6, as_model, as_table_7

RunOne = Callable[[TrainConfig, Path], None]
"""Trains one configuration in one folder, or goes on with what is there, until that folder has metrics.json."""

METRICS_FILE = "metrics.json"


class Row(NamedTuple):
    """One scheme. paper: its Rank-1 and mAP on Occluded-Duke, in percent."""

    name: str
    title: str
    paper: tuple[float, float] | None = None


TABLE_ROWS = (
    Row("ablation-1", "1 Baseline", (52.7, 45.9)),
    Row("ablation-2", "2 MB+SAB", (54.0, 46.5)),
    Row("ablation-3", "3 MB+SAB w/ I", (56.4, 48.1)),
    Row("ablation-4", "4 MB+SAB w/ IM", (59.4, 52.0)),
    Row("ablation-5", "5 MB+SAB+FEB", (61.2, 52.1)),
    Row("ablation-6", "6 MB+SAB+FEB w/ C (PGFL-KD)", (63.0, 54.1)),
    Row("table-7", "Table 7: L_CL in place of L_MCL", (59.1, 50.0)),
)
LAMBDAS = (0.0, 0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Result:
    """One scheme over its seeds. rank1, mAP: one figure for each seed, in percent."""

    row: Row
    rank1: tuple[float, ...]
    mAP: tuple[float, ...]  # noqa: N815 - the field's spelling


def table_configs(base: TrainConfig) -> dict[Row, TrainConfig]:
    """Rows 1 to 6 of Table 6 (the last is Table 7's second row too) and the other of Table 7, in one budget."""
    whole = as_model(base, "ablation-6")
    return {row: as_model(base, row.name) if row.name in TABLE_6 else as_table_7(whole) for row in TABLE_ROWS}


def sweep_configs(base: TrainConfig, weight: str, values: Sequence[float]) -> dict[Row, TrainConfig]:
    """One configuration for each value of `lambda_cl` or `lambda_mcl`."""
    return {
        Row(f"{weight}-{value:g}", f"{weight} = {value:g}"): dataclasses.replace(
            base,
            loss=dataclasses.replace(base.loss, **{weight: value}),  # type: ignore[arg-type]
        )
        for value in values
    }


def run_all(
    configs: Mapping[Row, TrainConfig], seeds: Sequence[int], output: Path, run_one: RunOne, *, data: str
) -> list[Result]:
    """Runs what is not done yet, seed by seed so that all schemes advance together, and gathers the figures.

    data: what the data set holds, as `fit` writes it beside the figures. Raises ValueError where a folder holds a run
    of another configuration or on other data.
    """
    for seed in seeds:
        for row, config in configs.items():
            folder = output / row.name / f"seed-{seed}"
            config_of_run = dataclasses.replace(config, seed=seed)
            _same_run(folder, config_of_run, data)
            if not (folder / METRICS_FILE).is_file():
                run_one(config_of_run, folder)
    return gather(configs, seeds, output)


def gather(rows: Iterable[Row], seeds: Sequence[int], output: Path, metrics_file: str = METRICS_FILE) -> list[Result]:
    """Reads one file of figures of every run."""
    results = []
    for row in rows:
        files = [output / row.name / f"seed-{seed}" / metrics_file for seed in seeds]
        figures = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        results.append(Result(row, tuple(f["rank1"] for f in figures), tuple(f["mAP"] for f in figures)))
    return results


def table(results: Sequence[Result], dataset: str) -> str:
    """A Markdown table: mean ± deviation over seeds, and beside them the paper's figures, where it gives any."""
    seeds = len(results[0].rank1)
    spoken = f"{seeds} seeds: mean ± standard deviation" if seeds > 1 else "1 seed"
    lines = [f"{dataset}, {spoken}, in percent", ""]
    printed = any(result.row.paper for result in results)
    lines.append("| scheme | Rank-1 | mAP |" + " paper, Occluded-Duke: Rank-1 | mAP |" * printed)
    lines.append("| --- | --: | --: |" + " --: | --: |" * printed)
    for row, rank1, precision in ((r.row, r.rank1, r.mAP) for r in results):
        paper = " {:.1f} | {:.1f} |".format(*row.paper) if row.paper else "  |  |" * printed
        lines.append(f"| {row.title} | {spread(rank1)} | {spread(precision)} |{paper}")
    return "\n".join(lines)


def spread(values: Sequence[float]) -> str:
    """`54.1 ± 0.3`; without a deviation where there is one value only."""
    mean = statistics.fmean(values)
    return f"{mean:.1f} ± {statistics.stdev(values):.1f}" if len(values) > 1 else f"{mean:.1f}"


def write_results(folder: Path, results: Sequence[Result], dataset: str, *, suffix: str = "") -> None:
    """results.json and table.md; with a suffix, results-SUFFIX.json and table-SUFFIX.md."""
    ending = f"-{suffix}" if suffix else ""
    body = [{**result.row._asdict(), "rank1": result.rank1, "mAP": result.mAP} for result in results]
    text = json.dumps({"dataset": dataset, "results": body}, indent=2, ensure_ascii=False)
    (folder / f"results{ending}.json").write_text(text + "\n", encoding="utf-8")
    (folder / f"table{ending}.md").write_text(table(results, dataset) + "\n", encoding="utf-8")


def _same_run(folder: Path, config: TrainConfig, data: str) -> None:
    file, figures = folder / "config.json", folder / METRICS_FILE
    if figures.is_file() and json.loads(figures.read_text(encoding="utf-8")).get("data", data) != data:
        raise ValueError(f"{folder} holds a run on other data; choose another --output")
    if not file.is_file():
        return
    there = from_dict(TrainConfig, json.loads(file.read_text(encoding="utf-8")))  # later fields take their default
    names = (field.name for field in dataclasses.fields(config))
    if different := sorted(name for name in names if getattr(there, name) != getattr(config, name)):
        raise ValueError(f"{folder} holds a run with another {', '.join(different)}; choose another --output")
