"""How much each feature matters: what the pinball loss grows by when its values are shuffled."""

from dataclasses import replace

import numpy as np

from gridjobs_workers.forecasting import features
from gridjobs_workers.forecasting.features import Known, Table
from gridjobs_workers.forecasting.model import Model, relative_phase, standard_limits
from gridjobs_workers.forecasting.nights import awake
from gridjobs_workers.forecasting.scores import pinball
from gridjobs_workers.forecasting.stages import Issue, training_origins

DAYS = 56
MOST_ROWS = 600
SEED = 20260115


def importances(model: Model, known: Known) -> dict[str, float]:
    """Permutation importance of each feature in the first stage, most important first, summing to one.

    The last eight weeks of the history are forecast again with one feature at a time shuffled among the rows. The
    shuffle is seeded: the same data give the same numbers. Features that carry the same information share it, and
    each of them looks less important than they are together.

    Args:
        model: The fitted model.
        known: The input it was fitted to.

    References:
        L. Breiman, "Random Forests", Machine Learning 45, 2001.
    """
    table, y = recent_rows(model, known)
    fitted = model.stages[0][1]
    bounds = standard_limits((None, None), model.scale)
    base = pinball(y, fitted.predict(table, *bounds), model.levels).mean()
    order = np.random.default_rng(SEED).permutation(len(y))
    growth = {}
    for i, name in enumerate(table.names):
        x = table.x.copy()
        x[:, i] = x[order, i]
        loss = pinball(y, fitted.predict(Table(table.names, x), *bounds), model.levels).mean()
        growth[name] = max(float(loss - base), 0.0)
    total = sum(growth.values()) or 1.0
    return {name: growth[name] / total for name in sorted(growth, key=lambda name: (-growth[name], name))}


def recent_rows(model: Model, known: Known) -> tuple[Table, "np.typing.NDArray[np.float64]"]:
    """Features and targets of the last eight weeks in standard units, at most 600 rows evenly spread."""
    begin = max(0, len(known.values) - (DAYS + features.REACH_DAYS) * known.clock.per_day)
    near = known.since(begin)
    near = replace(near, values=model.scale.to_standard(near.values))
    stage = model.stages[0][0]
    issue = Issue(model.issue.per_day, relative_phase(model.issue, near), model.issue.tile)
    targets = np.flatnonzero(np.isfinite(near.values))[-DAYS * known.clock.per_day :]
    targets = targets[np.linspace(0, len(targets) - 1, min(MOST_ROWS, len(targets))).astype(np.int64)]
    origins = training_origins(targets, stage, issue)
    table = features.build(near, targets, origins, stage.last_day, recent=issue.phase is None)
    alive = awake(near, table)
    return Table(table.names, table.x[alive]), near.values[targets[alive]]
