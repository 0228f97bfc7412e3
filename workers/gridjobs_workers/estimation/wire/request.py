"""From a request to what the core takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from gridjobs.contract.models import (
    BadDataOptions,
    DefaultSigmas,
    EstimationRequest,
    PseudoMeasurements,
    SolverOptions,
)
from gridjobs_workers.estimation.measurements import Measurements
from gridjobs_workers.estimation.options import BadData, OnUnobservable, Options
from gridjobs_workers.estimation.three_phase.measurements import PhaseMeasurements
from gridjobs_workers.estimation.three_phase.options import PhaseOptions
from gridjobs_workers.estimation.wire.assemble import assemble
from gridjobs_workers.estimation.wire.phases import PhaseRows, assemble_phases
from gridjobs_workers.estimation.wire.pseudo import Assumed, assume, levels
from gridjobs_workers.estimation.wire.readings import Reading, read
from gridjobs_workers.estimation.wire.rows import Rows
from gridjobs_workers.estimation.wire.scene import Scene
from gridjobs_workers.grids.network import Ints


@dataclass(frozen=True, slots=True)
class Wishes:
    """A request with its defaults filled in."""

    request: EstimationRequest
    pseudo: PseudoMeasurements
    sigmas: dict[str, float]
    bad_data: BadDataOptions
    solver: SolverOptions

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Read a request body that is valid against its schema."""
        request = EstimationRequest.model_construct(**body)
        sigmas = DefaultSigmas(**body.get("default_sigmas", {}))
        return cls(
            request=request,
            pseudo=PseudoMeasurements(**body.get("pseudo_measurements", {})),
            sigmas={name: float(value) for name, value in sigmas.model_dump().items()},
            bad_data=BadDataOptions(**body.get("bad_data", {})),
            solver=SolverOptions(**body.get("solver", {})),
        )

    @property
    def restores(self) -> bool:
        """Whether assumed loads take part."""
        return self.request.observability in (None, "restore")

    def rows(self, measurements: Iterable[Mapping[str, Any]], scene: Scene) -> Rows:
        """Arrange one snapshot's measurements, with assumptions where they are wanted.

        Raises:
            BadMeasurements: With all faults at once.
        """
        return assemble(*self._read(measurements, scene), scene)

    def phase_rows(self, measurements: Iterable[Mapping[str, Any]], scene: Scene) -> PhaseRows:
        """Arrange one snapshot's measurements phase by phase; as `rows`."""
        return assemble_phases(*self._read(measurements, scene), scene)

    def phase_measurements(self, rows: PhaseRows, scene: Scene) -> PhaseMeasurements:
        """Return the three-phase core's measurements."""
        return rows.measurements(self._zero_injection(scene))

    def phase_options(self, scene: Scene) -> PhaseOptions:
        """Return the three-phase core's options; assumed loads are measurements there already."""
        options = self.options(scene)
        partial = options.observability is OnUnobservable.PARTIAL
        return PhaseOptions(
            observability=OnUnobservable.PARTIAL if partial else OnUnobservable.REQUIRE,
            reference_bus=options.reference_bus,
            reference_angle_rad=options.reference_angle_rad,
            tolerance=options.tolerance,
            max_iterations=options.max_iterations,
            bad_data=options.bad_data,
            false_alarm=options.false_alarm,
            max_rejected=options.max_rejected,
        )

    def _read(self, measurements: Iterable[Mapping[str, Any]], scene: Scene) -> tuple[list[Reading], Assumed]:
        readings = read(measurements, scene.places, scene.network, self.sigmas)
        source = str(self.pseudo.source) if self.restores else "none"
        assumed = assume(scene.model, source, float(self.pseudo.sigma_percent or 50.0))
        return readings, assumed

    def measurements(self, rows: Rows, scene: Scene) -> Measurements:
        """Return the core's measurements, with the nodes that are known to inject nothing."""
        return rows.measurements(self._zero_injection(scene))

    def options(self, scene: Scene) -> Options:
        """Return the core's options; the angle reference is the grid's own, at the angle of its solution."""
        return Options(
            observability=OnUnobservable(self.request.observability or "restore"),
            candidates=levels(scene).measurements(scene.zero_injection_buses[:0]) if self.restores else None,
            reference_bus=scene.reference_buses,
            reference_angle_rad=scene.reference_angles_rad,
            tolerance=float(self.solver.tolerance or 1e-8),
            max_iterations=int(self.solver.max_iterations or 50),
            bad_data=BadData(self.bad_data.action or "reject"),
            false_alarm=float(self.bad_data.false_alarm or 0.005),
            suspect_from=self.bad_data.suspect_from,
            confidence=float(self.bad_data.confidence or 0.99),
            max_rejected=int(50 if self.bad_data.max_rejected is None else self.bad_data.max_rejected),
        )

    def _zero_injection(self, scene: Scene) -> Ints:
        buses = scene.zero_injection_buses
        return buses if self.request.zero_injections is not False else buses[:0]
