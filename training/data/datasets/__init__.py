"""Every data set by the name it has on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from training.data.datasets.custom import CSV_COLUMNS, DATASET_FILE, MANIFEST, load_csv, load_folder, load_synthetic
from training.data.datasets.market import DUKEMTMC, MARKET1501, OCCLUDED_DUKE, load_cuhk03
from training.data.datasets.paired import OCCLUDED_REID, P_DUKEMTMC, PARTIAL_ILIDS, PARTIAL_REID
from training.data.records import Dataset, DatasetError

_LOADERS: dict[str, Callable[[Path], Dataset]] = {
    "market1501": MARKET1501.load,
    "dukemtmc": DUKEMTMC.load,
    "occluded-duke": OCCLUDED_DUKE.load,
    "p-dukemtmc": P_DUKEMTMC.load,
    "occluded-reid": OCCLUDED_REID.load,
    "partial-reid": PARTIAL_REID.load,
    "partial-ilids": PARTIAL_ILIDS.load,
    "cuhk03": load_cuhk03,
    "folder": load_folder,
    "csv": load_csv,
    "synthetic": load_synthetic,
}
DATASETS = tuple(_LOADERS)

__all__ = ["CSV_COLUMNS", "DATASETS", "DATASET_FILE", "MANIFEST", "load_dataset"]


def load_dataset(name: str, root: Path) -> Dataset:
    """Reads the lists of a data set; no image is opened.

    name: one of DATASETS. root: the folder it was unpacked to, or the one above (for `csv`, the file). Warns
    (CountMismatch) where the counts differ from the published ones. Raises DatasetError: an unknown name, a missing
    folder (with the layout that was expected), a file whose name cannot be read.
    """
    if name not in _LOADERS:
        raise DatasetError(f"there is no data set {name!r}; allowed: {', '.join(DATASETS)}")
    return _LOADERS[name](Path(root))
