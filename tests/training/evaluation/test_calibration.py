"""The map from cosine to probability: monotone, right on data whose truth is known, and honest about its thresholds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation.calibration import fit, reliability, roc, simplify, thresholds
from training.evaluation.metrics import EvaluationError, Labels
from training.evaluation.pairs import BINS, PairHistogram, count_pairs


def histogram(same, different):
    def counts(scores):
        return np.bincount(np.clip(((np.asarray(scores) + 1) * BINS / 2).astype(int), 0, BINS - 1), minlength=BINS)

    return PairHistogram(counts(same), counts(different))


def gaussians(seed, pairs=200_000):
    """Cosines with a known posterior: N(0.6, 0.15) for one person, N(0.2, 0.15) for two."""
    rng = np.random.default_rng(seed)
    return histogram(rng.normal(0.6, 0.15, pairs), rng.normal(0.2, 0.15, pairs))


def posterior(scores, share):
    likelihood_ratio = np.exp(((scores - 0.2) ** 2 - (scores - 0.6) ** 2) / (2 * 0.15**2))
    return share * likelihood_ratio / (share * likelihood_ratio + 1 - share)


@pytest.mark.parametrize(("share", "noise"), [(0.5, 0.04), (0.05, 0.08)])  # few wrong pairs lie where 0.05 is decided
def test_finds_the_true_probabilities(share, noise):
    calibration = fit(gaussians(0), match_share=share, source="drawn from two Gaussians")
    scores = np.linspace(0.0, 0.8, 50)
    np.testing.assert_allclose(calibration.probability(scores), posterior(scores, share), atol=noise)
    assert len(calibration.scores) < 200


def test_holds_on_pairs_it_was_not_fitted_on():
    calibration = fit(gaussians(1), match_share=0.5, source="x")
    held = reliability([(calibration, gaussians(2))])
    assert held.error < 0.01
    assert held.share.sum() == pytest.approx(1)
    overconfident = fit(gaussians(1), match_share=0.9, source="x")
    shifted = reliability([(overconfident, histogram([-0.5, 0.5], [-0.5, 0.5]))])
    assert shifted.error > 0.2


@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=40),
    st.lists(st.floats(-1, 1), min_size=1000, max_size=1040),
    st.floats(0.01, 0.99),
)
@settings(max_examples=50, deadline=None)
def test_is_monotone_and_keeps_its_false_match_rates(same, different, share):
    pairs = histogram(same, different)
    if len(set(np.round(np.array([*same, *different]), 3))) < 3:
        return
    calibration = fit(pairs, match_share=share, source="x")
    probabilities = calibration.probability(np.linspace(-1, 1, 500))
    assert (np.diff(probabilities) >= 0).all()
    (threshold,) = calibration.thresholds  # a thousand pairs decide on a rate of 0.01 only
    assert threshold.false_match_rate == 0.01
    above = pairs.centres > threshold.score
    assert pairs.different[above].sum() <= 0.01 * pairs.different.sum()
    assert pairs.same[above].sum() == pytest.approx(threshold.true_match_rate * pairs.same.sum(), abs=1e-3)


def test_thresholds_of_gaussians_lie_where_theory_says():
    found = thresholds(gaussians(3, pairs=1_000_000))
    assert [t.false_match_rate for t in found] == [1e-2, 1e-3, 1e-4]
    assert [t.score for t in found] == pytest.approx([0.549, 0.6635, 0.758], abs=0.01)
    assert found[0].true_match_rate == pytest.approx(0.633, abs=0.01)


def test_rates_that_too_few_pairs_decide_on_are_left_out():
    assert [t.false_match_rate for t in thresholds(gaussians(4, pairs=50_000))] == [1e-2, 1e-3]
    assert thresholds(histogram([0.9], np.zeros(999))) == ()


def test_pairs_are_counted_once_across_cameras_only():
    features = np.eye(4, dtype=np.float32)
    features[1] = features[0]
    pairs = count_pairs(features, Labels(np.array([1, 1, 1, 2]), np.array([1, 2, 2, 1])), block=3)
    assert pairs.same.sum() == 2  # (0, 1), (0, 2); not (1, 2): one camera
    assert pairs.different.sum() == 2  # (1, 3), (2, 3); not (0, 3)
    assert pairs.same[-1] == 1  # crops 0 and 1 are alike


@given(st.integers(0, 2**32 - 1), st.integers(1, 50))
@settings(max_examples=30, deadline=None)
def test_counting_agrees_with_a_plain_loop(seed, block):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(40, 4)).astype(np.float32)
    labels = Labels(rng.integers(0, 5, 40), rng.integers(1, 4, 40))
    same, different = 0, 0
    for i in range(40):
        for j in range(i):
            if labels.cameras[i] != labels.cameras[j] and (labels.ids[i] or labels.ids[j]):
                same += labels.ids[i] == labels.ids[j]
                different += labels.ids[i] != labels.ids[j]
    pairs = count_pairs(features, labels, block=block)
    assert (pairs.same.sum(), pairs.different.sum()) == (same, different)


def test_two_halves_add_up():
    a, b = gaussians(5), gaussians(6)
    assert ((a + b).same == a.same + b.same).all()
    rates = roc(a + b)[0]
    assert rates[0] == 1
    assert rates[-1] == 0


def test_data_without_pairs_is_refused():
    ones = np.ones((3, 2), np.float32)
    with pytest.raises(EvaluationError, match="no pair of one person seen by two cameras"):
        count_pairs(ones, Labels(np.array([1, 2, 3]), np.array([1, 2, 3])))
    with pytest.raises(EvaluationError, match="no pair of two persons"):
        count_pairs(ones, Labels(np.array([1, 1, 1]), np.array([1, 2, 3])))
    with pytest.raises(EvaluationError, match="all pairs have the cosine"):
        fit(histogram([0.5] * 9, [0.5] * 2000), match_share=0.5, source="x")
    with pytest.raises(ValueError, match=r"match_share is 1\.0; allowed"):
        fit(gaussians(0), match_share=1.0, source="x")


def test_simplifying_stays_within_the_tolerance():
    x = np.linspace(0, 1, 500)
    y = np.sqrt(x)
    kept = simplify(x, y, 0.01)
    assert len(kept) < 20
    assert np.abs(np.interp(x, x[kept], y[kept]) - y).max() <= 0.01
