"""What the input of a model must look like."""

from dataclasses import dataclass

from gridjobs_workers.forecasting.errors import IncompatibleModel
from gridjobs_workers.forecasting.features import Known


@dataclass(frozen=True, slots=True)
class Signature:
    """What the input must look like for a model to apply to it."""

    step_s: int
    wall: bool
    solar: bool
    with_place: bool
    covariates: tuple[tuple[str, str], ...]  # name and kind

    @classmethod
    def of(cls, known: Known) -> "Signature":
        """The signature of an input."""
        kinds = tuple((name, known.kinds.get(name, "other")) for name in known.covariates)
        return cls(known.clock.step_s, known.clock.wall, known.solar, known.place is not None, kinds)

    def check(self, known: Known) -> None:
        """Refuse an input of another signature.

        Raises:
            IncompatibleModel: It differs in resolution, kind, place or covariates.
        """
        here = Signature.of(known)
        odd = [name for name in Signature.__slots__ if getattr(here, name) != getattr(self, name)]
        if odd:
            raise IncompatibleModel(f"the model was fitted to another {' and '.join(odd)}")
