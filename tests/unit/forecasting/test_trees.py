import numpy as np
from scipy.stats import norm

from gridjobs_workers.forecasting import trees


def test_normal_quantiles_are_reproduced_between_and_beyond() -> None:
    known, wanted = np.array([0.05, 0.2, 0.5, 0.8, 0.95]), np.array([0.01, 0.1, 0.37, 0.9, 0.99])
    q = trees.in_normal_scores(norm.ppf(known, 3.0, 2.0)[None, :], known, wanted)
    np.testing.assert_allclose(q[0], norm.ppf(wanted, 3.0, 2.0), rtol=1e-12)


def test_trees_learn_a_step_and_its_spread() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(2000, 1))
    y = np.where(x[:, 0] > 0.5, 2.0, 0.0) + rng.normal(0, 0.1, 2000)
    q = trees.fit(x, y, 80).predict(np.array([[0.25], [0.75]]), np.array([0.05, 0.5, 0.95]))
    expected = norm.ppf([0.05, 0.5, 0.95], 0, 0.1)
    np.testing.assert_allclose(q, [expected, expected + 2], atol=0.05)


def test_the_text_of_a_booster_is_all_there_is_to_it() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(500, 3))
    fitted = trees.fit(x, x[:, 0] + rng.normal(size=500), 20)
    levels = np.array([0.1, 0.5, 0.9])
    again = trees.Trees.read(fitted.texts)
    np.testing.assert_array_equal(again.predict(x, levels), fitted.predict(x, levels))
