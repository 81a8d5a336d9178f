"""mAP and Rank-1 from ranked answers, by their plain definition; written apart from training.evaluation on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from reid_client import Match


class Score(NamedTuple):
    """Of one query: average precision in [0, 1], and whether the first answer is right."""

    average_precision: float
    first: bool


def score_of(matches: Sequence[Match], person: str, camera: str, relevant: int) -> Score:
    """matches: the whole gallery, best first. The same person on the same camera counts neither as right nor as wrong.

    relevant: right crops in the gallery; all must be among the matches.
    """
    rank = found = 0
    precisions: list[float] = []
    for match in matches:
        same_person = match.person_id == person
        if same_person and match.camera_id == camera:
            continue
        rank += 1
        if same_person:
            found += 1
            precisions.append(found / rank)
    if found != relevant:
        raise ValueError(f"{found} of {relevant} right crops of person {person} were answered; is k below the gallery?")
    return Score(sum(precisions) / relevant, first=precisions[0] == 1.0)
