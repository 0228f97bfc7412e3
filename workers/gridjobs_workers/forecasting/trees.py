"""A few quantiles by boosted trees, the rest between them in normal scores."""

from dataclasses import dataclass, field

import lightgbm as lgb
import numpy as np
from scipy.special import ndtri

from gridjobs_workers.forecasting.clock import Floats

LEVELS = np.array([0.05, 0.2, 0.5, 0.8, 0.95])
PARAMETERS = {
    "learning_rate": 0.13,
    "num_leaves": 15,
    "min_data_in_leaf": 30,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "seed": 1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True, slots=True)
class Trees:
    """One booster for each of `LEVELS`.

    Attributes:
        texts: LightGBM's own text form of each; all that is stored.
        boosters: The same, ready to use.
    """

    texts: tuple[str, ...]
    boosters: tuple[lgb.Booster, ...] = field(compare=False)

    @classmethod
    def read(cls, texts: tuple[str, ...]) -> "Trees":
        """Boosters from their text."""
        return cls(texts, tuple(lgb.Booster(model_str=text) for text in texts))

    def predict(self, x: Floats, levels: Floats) -> Floats:
        """Quantiles of each row, shape (n_row, n_level), sorted.

        Args:
            x: Features, shape (n_row, n_feature), NaN where unknown.
            levels: Quantile levels, shape (n_level,), increasing.
        """
        columns = [np.asarray(booster.predict(x, num_threads=1)) for booster in self.boosters]
        return in_normal_scores(np.sort(np.column_stack(columns), axis=1), LEVELS, levels)


def tree_count(days: float) -> int:
    """Trees a quantile for so many days of history."""
    return int(np.clip(0.3 * days, 38, 150))


def fit(x: Floats, y: Floats, trees: int) -> Trees:
    """Boost the pinball loss of each of `LEVELS`, on bins that are made once.

    Args:
        x: Features, shape (n_row, n_feature), NaN where unknown.
        y: Targets of the order of one, shape (n_row,).
        trees: How many trees each quantile gets.

    References:
        G. Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 2017.
    """
    data = lgb.Dataset(x, y, params=PARAMETERS, free_raw_data=False).construct()
    texts = []
    for level in LEVELS:
        booster = lgb.train({**PARAMETERS, "objective": "quantile", "alpha": float(level)}, data, trees)
        texts.append(booster.model_to_string())
    return Trees.read(tuple(texts))


def in_normal_scores(q: Floats, known: Floats, wanted: Floats) -> Floats:
    """Quantiles at other levels, linear between (and beyond) the known ones in normal scores.

    Args:
        q: Quantiles at the known levels, shape (n_row, n_known), sorted.
        known: Levels, shape (n_known,), increasing.
        wanted: Levels, shape (n_wanted,).

    Returns:
        Quantiles, shape (n_row, n_wanted).
    """
    if len(known) == 1:
        return np.repeat(q, len(wanted), axis=1)
    z, at = ndtri(known), ndtri(wanted)
    left = np.clip(np.searchsorted(z, at, side="right") - 1, 0, len(z) - 2)
    share = (at - z[left]) / (z[left + 1] - z[left])
    return q[:, left] * (1 - share) + q[:, left + 1] * share
