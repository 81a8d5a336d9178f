"""A data set's training crops, decoded and resized once, in one uint8 tensor in memory (on the GPU where there is one).

Market-1501 at 384×128 is 1.9 GB. A step then reads its batch by index: no decoding, no workers, no waiting.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from rich.progress import track
from torch import Tensor

from reid_contract import PreprocessSpec, preprocess
from training.data.crops import read_crop
from training.data.records import DISTRACTOR, DatasetError, Record

_THREADS = 4  # Pillow releases the GIL while it decodes and resizes


@dataclass(frozen=True, slots=True)
class PackedCrops:
    """images: (N, 3, H, W) uint8 RGB. person_ids: (N,) int64 class labels 0 to C-1, without holes. camera_ids: (N,)
    int64. classes: the data set's own person_id of each class, ascending; C long. All tensors on one device.
    """

    images: Tensor
    person_ids: Tensor
    camera_ids: Tensor
    classes: tuple[int, ...]

    @classmethod
    def pack(cls, records: Sequence[Record], spec: PreprocessSpec, *, progress: bool = False) -> PackedCrops:
        """Reads and resizes every crop, in the order of `records`.

        progress: shows a bar. Raises DatasetError before anything is read: no record, a distractor, a person with a
        single crop (named), more pixels than memory; then for an image that cannot be read (named).
        """
        classes = trainable_classes(records)
        _check_memory(len(records), spec)
        label_of = {person: label for label, person in enumerate(classes)}
        images = torch.empty((len(records), 3, spec.height, spec.width), dtype=torch.uint8)

        def read(index: int) -> None:
            pixels = torch.from_numpy(preprocess(read_crop(records[index].path), spec).copy())  # (H, W, 3)
            images[index] = pixels.permute(2, 0, 1)

        with ThreadPoolExecutor(_THREADS) as pool:
            done = pool.map(read, range(len(records)))
            try:
                for _ in track(done, "reading crops", total=len(records), disable=not progress):
                    pass
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return cls(
            images,
            torch.tensor([label_of[record.person_id] for record in records]),
            torch.tensor([record.camera_id for record in records]),
            classes,
        )

    def to(self, device: torch.device | str) -> PackedCrops:
        """The same crops on another device."""
        return PackedCrops(self.images.to(device), self.person_ids.to(device), self.camera_ids.to(device), self.classes)

    def __len__(self) -> int:
        return len(self.images)


def _check_memory(crops: int, spec: PreprocessSpec) -> None:
    needed, there = crops * 3 * spec.height * spec.width, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise DatasetError(
            f"{crops:,} crops at {spec.height}×{spec.width} take {needed / 1e9:.1f} GB of memory; there are "
            f"{there / 1e9:.1f} GB. Choose a smaller height and width"
        )


def trainable_classes(records: Sequence[Record]) -> tuple[int, ...]:
    """The persons of a training set, ascending: class c of the classifier is the c-th of them.

    Raises DatasetError where the triplet loss would have no positive: naming the person and the only crop of it.
    """
    if not records:
        raise DatasetError("the data set has no training crops; it is for evaluation only")
    crops_of: defaultdict[int, list[Record]] = defaultdict(list)
    for record in records:
        crops_of[record.person_id].append(record)
    if DISTRACTOR in crops_of:
        raise DatasetError(f"{crops_of[DISTRACTOR][0].path}: a distractor (person 0) cannot be trained on")
    if single := [crops[0] for crops in crops_of.values() if len(crops) == 1]:
        more = f"; {len(single) - 1} more persons have one" if len(single) > 1 else ""
        raise DatasetError(
            f"{single[0].path}: the only crop of person {single[0].person_id}{more}; training needs two or more of each"
        )
    return tuple(sorted(crops_of))
