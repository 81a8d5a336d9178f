"""The vectorised evaluator against the plain loop, and what must hold for any ranking."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from training.evaluation.metrics import (
    EvaluationError,
    Labels,
    cosine_blocks,
    evaluate_features,
    query_results,
    to_json,
)


def plain_loop(scores, query: Labels, gallery: Labels) -> dict[str, float]:
    """The definition, one query and one crop at a time."""
    found, left_out = [], 0
    for row, person, camera in zip(scores, query.ids, query.cameras, strict=True):
        rank, precisions, ranks = 0, [], []
        for crop in sorted(range(len(row)), key=lambda j: -row[j]):  # stable: ties stand in the order of the gallery
            same = gallery.ids[crop] == person
            if same and gallery.cameras[crop] == camera:
                continue
            rank += 1
            if same:
                ranks.append(rank)
                precisions.append(len(ranks) / rank)
        if ranks:
            found.append((ranks[0], sum(precisions) / len(precisions), len(ranks) / ranks[-1]))
        else:
            left_out += 1
    if not found:
        return {}
    first, precision, penalty = (np.array(column) for column in zip(*found, strict=True))
    return {
        **{f"rank{n}": 100 * (first <= n).mean() for n in (1, 3, 5, 10)},
        "mAP": 100 * precision.mean(),
        "mINP": 100 * penalty.mean(),
        "queries": len(found),
        "gallery": scores.shape[1],
        "queries_without_match": left_out,
    }


@st.composite
def cases(draw):
    """Few people, few cameras and few distinct scores: junk, ties and queries without a match all come up."""
    queries, crops = draw(st.integers(1, 12)), draw(st.integers(1, 30))
    scores = draw(hnp.arrays(np.float32, (queries, crops), elements=st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0])))

    def labels(length):
        values = hnp.arrays(np.int64, length, elements=st.integers(0, 3))
        return Labels(draw(values), draw(values))

    return scores, labels(queries), labels(crops), draw(st.integers(1, 13))


@given(cases())
@settings(max_examples=300, deadline=None)
def test_agrees_with_the_plain_loop(case):
    scores, query, gallery, block = case
    expected = plain_loop(scores, query, gallery)
    blocks = (scores[i : i + block] for i in range(0, len(scores), block))
    results = query_results(blocks, query, gallery)
    if not expected:
        with pytest.raises(EvaluationError, match=f"none of the {len(scores)} queries has a match"):
            results.metrics()
    else:
        actual = results.metrics()
        for name, value in expected.items():
            assert getattr(actual, name) == pytest.approx(value), name


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_features_give_what_their_cosines_give(seed, block):
    rng = np.random.default_rng(seed)
    query, gallery = rng.normal(size=(17, 8)), rng.normal(size=(40, 8)) * rng.uniform(0.1, 9, (40, 1))
    labels = [Labels(rng.integers(0, 4, n), rng.integers(0, 3, n)) for n in (17, 40)]
    cosines = (query / np.linalg.norm(query, axis=1, keepdims=True)) @ (
        gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    ).T
    actual = evaluate_features(
        query, gallery, labels[0].ids, labels[1].ids, labels[0].cameras, labels[1].cameras, block=block
    )
    assert actual.mAP == pytest.approx(plain_loop(cosines, *labels)["mAP"])


def one_per_person(people: int) -> tuple[Labels, Labels]:
    ids = np.arange(people)
    return Labels(ids, np.zeros(people, int)), Labels(ids, np.ones(people, int))


def test_a_perfect_ranking_scores_100_and_its_reverse_almost_nothing():
    query, gallery = one_per_person(50)
    perfect = query_results([np.eye(50, dtype=np.float32)], query, gallery).metrics()
    assert (perfect.rank1, perfect.mAP, perfect.mINP) == (100, 100, 100)
    worst = query_results([-np.eye(50, dtype=np.float32)], query, gallery).metrics()
    assert worst.rank10 == 0
    assert worst.mAP == pytest.approx(100 / 50)


def test_a_random_ranking_scores_what_chance_gives():
    people = 1000
    query, gallery = one_per_person(people)
    scores = np.random.default_rng(0).normal(size=(people, people)).astype(np.float32)
    metrics = query_results([scores], query, gallery).metrics()
    chance = 100 * (1 / np.arange(1, people + 1)).sum() / people
    assert metrics.mAP == pytest.approx(chance, rel=0.25)
    assert metrics.rank10 == pytest.approx(1.0, abs=1.0)


def test_adding_a_distractor_below_all_matches_changes_nothing_but_the_gallery():
    query, gallery = one_per_person(5)
    scores = np.random.default_rng(1).uniform(size=(5, 5)).astype(np.float32)
    before = query_results([scores], query, gallery).metrics()
    wider = Labels(np.append(gallery.ids, 99), np.append(gallery.cameras, 1))
    after = query_results([np.hstack([scores, np.full((5, 1), -1, np.float32)])], query, wider).metrics()
    assert after.gallery == 6
    assert (before.mAP, before.rank1, before.mINP) == (after.mAP, after.rank1, after.mINP)


def test_per_query_results_name_the_rank_of_the_first_and_last_match():
    query = Labels(np.array([1, 2]), np.array([1, 1]))
    gallery = Labels(np.array([1, 3, 1, 1]), np.array([1, 2, 2, 3]))  # the first is junk for query 0
    scores = np.array([[0.9, 0.8, 0.7, 0.1], [0.4, 0.3, 0.2, 0.1]], np.float32)
    results = query_results([scores], query, gallery)
    assert results.matches.tolist() == [2, 0]
    assert results.first_rank.tolist() == [2, 0]
    assert results.last_rank.tolist() == [3, 0]
    assert results.average_precision == pytest.approx([(1 / 2 + 2 / 3) / 2, 0])


def test_json_has_the_promised_keys_rounded_to_a_hundredth():
    query, gallery = one_per_person(3)
    scores = np.array([[1, 0, 0], [1, 0.5, 0], [0, 0, 1]], np.float32)
    body = to_json(query_results([scores], query, gallery).metrics())
    assert {"rank1", "rank3", "rank5", "rank10", "mAP", "mINP", "queries", "gallery"} <= set(body)
    assert body["rank1"] == 66.67


ONES = np.ones((4, 3), np.float32)
LABELS = np.arange(4)


@pytest.mark.parametrize(
    ("query", "gallery", "message"),
    [
        (ONES, np.ones((4, 5), np.float32), "3 dimensions and gallery features 5"),
        (np.full_like(ONES, np.nan), ONES, "query feature in row 0 has NaN"),
        (ONES, np.vstack([ONES[:3], np.zeros((1, 3), np.float32)]), "gallery feature in row 3 is all zeros"),
        (ONES[:0], ONES, r"query features have shape \(0, 3\)"),
        (ONES[0], ONES, "needed: \\(N, D\\)"),
    ],
)
def test_bad_features_are_named(query, gallery, message):
    with pytest.raises(EvaluationError, match=message):
        cosine_blocks(query, gallery)


def test_bad_labels_are_named():
    with pytest.raises(EvaluationError, match="query split is empty"):
        query_results([], Labels(LABELS[:0], LABELS[:0]), Labels(LABELS, LABELS))
    with pytest.raises(EvaluationError, match=r"gallery has ids of shape \(4,\) and cameras of shape \(3,\)"):
        query_results([], Labels(LABELS, LABELS), Labels(LABELS, LABELS[:3]))
    with pytest.raises(EvaluationError, match="gallery cameras are float64"):
        query_results([], Labels(LABELS, LABELS), Labels(LABELS, LABELS / 2))
    with pytest.raises(EvaluationError, match="scores for 2 queries and labels for 4"):
        query_results([np.zeros((2, 4), np.float32)], Labels(LABELS, LABELS), Labels(LABELS, LABELS))
    with pytest.raises(EvaluationError, match="3 scores; the gallery has 4 crops"):
        query_results([np.zeros((4, 3), np.float32)], Labels(LABELS, LABELS), Labels(LABELS, LABELS))
    with pytest.raises(EvaluationError, match="NaN"):
        query_results([np.full((4, 4), np.nan, np.float32)], Labels(LABELS, LABELS), Labels(LABELS, LABELS))
