"""A fitted model as bytes, and back: numbers as arrays, trees as LightGBM text, the rest as JSON; no pickle."""

import io
import json
import zipfile
from typing import Any

import numpy as np

from gridjobs_workers.forecasting.blend import Blend
from gridjobs_workers.forecasting.clock import Floats
from gridjobs_workers.forecasting.errors import IncompatibleModel
from gridjobs_workers.forecasting.linear import Linear
from gridjobs_workers.forecasting.model import Model
from gridjobs_workers.forecasting.scaling import Scale
from gridjobs_workers.forecasting.signature import Signature
from gridjobs_workers.forecasting.stages import Issue, Stage
from gridjobs_workers.forecasting.trees import Trees

FORMAT = 1
MOST_BYTES = 200_000_000  # unpacked: what a hostile file may at most unfold to
LINEAR = ("low", "high", "mean", "spread", "weights")


def to_bytes(model: Model) -> bytes:
    """A model as a zip of JSON, arrays and texts; the same model gives the same bytes."""
    head = {
        "format": FORMAT,
        "signature": {name: getattr(model.signature, name) for name in Signature.__slots__},
        "scale": [model.scale.centre, model.scale.spread],
        "issue": [model.issue.per_day, model.issue.phase, model.issue.tile],
        "horizon": model.horizon,
        "levels": list(model.levels),
        "trained": [model.trained_from_s, model.trained_until_s, model.days],
        "stages": [stage_head(stage, fitted) for stage, fitted in model.stages],
    }
    entries = {"model.json": json.dumps(head, sort_keys=True).encode()}
    for i, (_, fitted) in enumerate(model.stages):
        for name in LINEAR:
            entries[f"{i}/linear/{name}.npy"] = array_bytes(getattr(fitted.linear, name))
        for j, text in enumerate(fitted.trees.texts):
            entries[f"{i}/trees/{j}.txt"] = text.encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)  # ZipInfo: a fixed date
    return packed.getvalue()


def stage_head(stage: Stage, fitted: Blend) -> dict[str, Any]:
    """The small numbers of a stage."""
    return {
        "days": [stage.first_day, stage.last_day],
        "names": fitted.names,
        "levels": list(fitted.levels),
        "scores": fitted.scores,
        "knots": {name: list(at) for name, at in fitted.knots.items()},
        "anchor": list(fitted.anchor),
        "weight": fitted.weight,
        "widening": fitted.widening,
        "shift": list(fitted.shift),
        "trees": len(fitted.trees.texts),
    }


def array_bytes(x: Floats) -> bytes:
    """An array in NumPy's own format, without pickle."""
    out = io.BytesIO()
    np.save(out, np.ascontiguousarray(x), allow_pickle=False)
    return out.getvalue()


def from_bytes(data: bytes) -> Model:
    """The model that `to_bytes` wrote; it forecasts the very same numbers.

    Raises:
        IncompatibleModel: These are not the bytes of a model of this format.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise IncompatibleModel(f"the model unfolds to more than {MOST_BYTES} bytes")
            head = json.loads(archive.read("model.json"))
            if head["format"] != FORMAT:
                raise IncompatibleModel(f"the model has format {head['format']}, this engine reads {FORMAT}")
            stages = tuple(read_stage(archive, i, stage) for i, stage in enumerate(head["stages"]))
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise IncompatibleModel(f"these are not the bytes of a model: {error}") from error
    return built(head, stages)


def built(head: dict[str, Any], stages: tuple[tuple[Stage, Blend], ...]) -> Model:
    """A model from its parts."""
    signature = dict(head["signature"])
    signature["covariates"] = tuple((name, kind) for name, kind in signature["covariates"])
    from_s, until_s, days = head["trained"]
    return Model(
        Signature(**signature),
        Scale(*head["scale"]),
        Issue(*head["issue"]),
        head["horizon"],
        stages,
        np.array(head["levels"]),
        from_s,
        until_s,
        days,
    )


def read_stage(archive: zipfile.ZipFile, i: int, head: dict[str, Any]) -> tuple[Stage, Blend]:
    """A stage with its blend."""
    arrays = [
        np.load(io.BytesIO(archive.read(f"{i}/linear/{name}.npy")), allow_pickle=False) for name in LINEAR
    ]
    texts = tuple(archive.read(f"{i}/trees/{j}.txt").decode() for j in range(head["trees"]))
    fitted = Blend(
        tuple(head["names"]),
        np.array(head["levels"]),
        {name: np.array(at) for name, at in head["knots"].items()},
        Linear(*arrays),
        Trees.read(texts),
        np.array(head["anchor"], np.float64),
        head["weight"],
        head["widening"],
        np.array(head["shift"]),
        head["scores"],
    )
    return Stage(*head["days"]), fitted
