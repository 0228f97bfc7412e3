"""Generated from specs/ by `make generate`: do not edit."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, RootModel
from typing_extensions import TypeAliasType


class Measurement(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    component: Annotated[str, Field(max_length=128, min_length=1)]
    """
    mRID of what is measured: a node (TopologicalNode, ConnectivityNode, BusbarSection), an injection (load,
    machine, external network ...), a branch (line, transformer) or a Terminal of any of them.

    """
    measurand: Literal[
        "voltage_magnitude",
        "voltage_angle",
        "active_power",
        "reactive_power",
        "current_magnitude",
        "current_angle",
    ]
    value: float
    """
    Power is positive from the node into the component (loads positive as consumption); for a node it is the
    net consumption there. A three-phase voltage is line-to-line, three-phase power the total.

    """
    unit: (
        Literal["V", "kV", "p.u.", "deg", "rad", "W", "kW", "MW", "var", "kvar", "Mvar", "A", "kA"] | None
    ) = None
    """
    By default kV, deg, MW, Mvar, A.
    """
    side: Annotated[int | None, Field(ge=1, le=3)] = None
    """
    Which end of a branch, by the sequence number of its terminal; 1 by default.
    """
    phase: Literal["ABC", "A", "B", "C"] | None = "ABC"
    """
    ABC is three-phase symmetric.
    """
    sigma: Annotated[float | None, Field(gt=0.0)] = None
    """
    Standard deviation, in the unit of the value.
    """
    accuracy_class: Annotated[float | None, Field(gt=0.0, le=100.0)] = None
    """
    Meter class [%]: the maximum error is this share of the reading, taken as 3σ. Instead of `sigma`.

    """
    pseudo: bool | None = False
    """
    Not measured but assumed (a profile, a schedule).
    """
    id: Annotated[str | None, Field(max_length=128)] = None
    """
    The user's own name of the measurement, returned with its residual.
    """


class PseudoMeasurements(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    source: Literal["none", "ssh", "sv"] | None = "ssh"
    """
    Loads and generation that are not measured are taken from the grid's set-points or solution.
    """
    sigma_percent: Annotated[float | None, Field(gt=0.0, le=1000.0)] = 50
    """
    Their standard deviation [% of the value].
    """


class DefaultSigmas(BaseModel):
    """
    Standard deviations of measurements that state none.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    voltage_percent: Annotated[float | None, Field(gt=0.0)] = 0.5
    angle_deg: Annotated[float | None, Field(gt=0.0)] = 0.1
    power_percent: Annotated[float | None, Field(gt=0.0)] = 2
    current_percent: Annotated[float | None, Field(gt=0.0)] = 1


class BadDataOptions(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    action: Literal["off", "detect", "reject"] | None = "reject"
    """
    `detect` reports suspects; `reject` also leaves out the measurement with the largest normalized residual,
    as long as it is identified beyond doubt, and estimates again.

    """
    false_alarm: Annotated[float | None, Field(ge=1e-09, le=0.5)] = 0.005
    """
    Probability that any good measurement of a snapshot is taken for bad.
    """
    suspect_from: Annotated[float | None, Field(ge=2.0, le=100.0)] = None
    """
    Normalized residual from which on a measurement is suspect; by default it follows from `false_alarm` and
    the number of measurements.

    """
    max_rejected: Annotated[int | None, Field(ge=0, le=1000)] = 50
    confidence: Annotated[float | None, Field(ge=0.5, le=0.99999)] = 0.99
    """
    Of the χ² test.
    """


class SolverOptions(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    tolerance: Annotated[float | None, Field(ge=1e-12, le=0.001)] = 1e-08
    """
    Largest last change of the state [p.u., rad].
    """
    max_iterations: Annotated[int | None, Field(ge=1, le=200)] = 50


LabelsAdditionalProperty = TypeAliasType("LabelsAdditionalProperty", Annotated[str, Field(max_length=128)])


class Labels(RootModel[dict[str, LabelsAdditionalProperty]]):
    """
    Free labels, to find jobs again.
    """

    root: Annotated[dict[str, LabelsAdditionalProperty], Field(max_length=16)]


class DeadlineAt(RootModel[AwareDatetime]):
    root: AwareDatetime
    """
    When the job fails with `deadline_exceeded` if it is not finished.
    """


class EstimationRequest(BaseModel):
    """
    Give `measurements` inline or a `dataset_id`.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    grid_id: Annotated[str, Field(max_length=64, min_length=1)]
    """
    A grid that is `ready`.
    """
    measurements: Annotated[list[Measurement] | None, Field(max_length=20000)] = None
    dataset_id: Annotated[str | None, Field(max_length=64, min_length=1)] = None
    """
    A dataset in long form: columns `component`, `measurand`, `value` and, optional, `time`, `phase`, `side`,
    `unit`, `sigma`, `accuracy_class`, `id`. With several times each is a snapshot, estimated in order.

    """
    calculation: Literal["symmetric", "asymmetric"] | None = "symmetric"
    """
    `symmetric` takes the three phases as balanced; a measurement of one phase stands for all three.
    `asymmetric` estimates each phase of a three-phase grid whose neutral is earthed, with the zero-sequence
    values of the grid model, or documented assumptions where it has none.

    """
    pseudo_measurements: PseudoMeasurements | None = None
    default_sigmas: DefaultSigmas | None = None
    zero_injections: bool | None = True
    """
    Nodes with nothing connected but branches are exact constraints.
    """
    observability: Literal["require", "restore", "partial"] | None = "restore"
    """
    `require` fails with `not_observable` when the measurements do not determine the state; `restore` adds
    pseudo-measurements (see `pseudo_measurements`); `partial` estimates the part that is observable.

    """
    bad_data: BadDataOptions | None = None
    solver: SolverOptions | None = None
    outputs: Annotated[list[Literal["sv", "svg", "png"]] | None, Field(max_length=4)] = None
    """
    Files to add to the result's parts: the state as CGMES SV profile (`sv.xml`), the voltage profile as
    picture (`voltage-profile.svg`, `voltage-profile.png`).

    """
    labels: Labels | None = None
    deadline_at: DeadlineAt | None = None


class Progress(BaseModel):
    fraction: Annotated[float, Field(ge=0.0, le=1.0)]
    stage: str | None = None
    message: str | None = None


class Fault(BaseModel):
    pointer: Annotated[str, Field(examples=["/measurements/3/component"])]
    """
    JSON Pointer (RFC 6901) into the request body, or `query/NAME`, `header/NAME`.
    """
    code: Annotated[str, Field(examples=["unknown_component"])]
    detail: str


class Problem(BaseModel):
    """
    What went wrong (RFC 9457), for a program (`code`) and for a person (`detail`).
    """

    type: Annotated[str, Field(examples=["/problems/not_observable"])]
    """
    Names the kind of problem; the last segment is `code`.
    """
    title: Annotated[str, Field(examples=["The grid is not observable"])]
    status: Annotated[int, Field(examples=[422])]
    """
    HTTP status; within a job the one that an HTTP answer would have had.
    """
    code: Annotated[str, Field(examples=["not_observable"])]
    """
    Stable, machine-readable. New codes may appear at any time.
    """
    detail: str
    instance: str | None = None
    retryable: bool
    """
    Whether the same request may succeed later without a change.
    """
    trace_id: str | None = None
    """
    Quote it when asking for help.
    """
    errors: list[Fault] | None = None
    """
    Every fault found, each with a pointer into the input.
    """


class Engine(BaseModel):
    """
    What computed the result.
    """

    name: Annotated[str, Field(examples=["gridjobs-wls"])]
    version: str


class JobLinks(BaseModel):
    self: str
    events: str
    stream: str
    result: str | None = None
    cancel: str | None = None


class Job(BaseModel):
    """
    A computation that was accepted.
    """

    id: Annotated[str, Field(examples=["01981c4e-5b5a-7c5e-9a53-0a3c8a9d1f00"])]
    """
    UUIDv7.
    """
    type: Annotated[str, Field(examples=["estimation"])]
    """
    The job type, as in `GET /v1/job-types`.
    """
    status: Annotated[str, Field(examples=["running"])]
    """
    `queued`, `running`, `succeeded`, `failed` or `cancelled`; more may come, so loop on `done`.

    """
    done: bool
    """
    Whether the job has reached its terminal state.
    """
    attempt: Annotated[int, Field(ge=0)]
    """
    How many times the job has been started; 0 before the first.
    """
    sequence: Annotated[int, Field(ge=1)]
    """
    Grows with every change of the job; its ETag.
    """
    created_at: AwareDatetime
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    updated_at: AwareDatetime
    expires_at: AwareDatetime
    """
    When the job and its record are purged.
    """
    deadline_at: AwareDatetime | None = None
    cancel_requested_at: AwareDatetime | None = None
    progress: Progress | None = None
    error: Problem | None = None
    input_digest: str
    """
    SHA-256 of the request's canonical JSON (RFC 8785), hex.
    """
    result_digest: str | None = None
    """
    SHA-256 of the result, hex.
    """
    engine: Engine | None = None
    labels: Labels
    links: JobLinks


class GridFile(BaseModel):
    name: str
    bytes: Annotated[int, Field(ge=0)]
    digest: str
    """
    SHA-256, hex.
    """


class VoltageLevelCount(BaseModel):
    base_kv: float
    nodes: int


class IslandSummary(BaseModel):
    nodes: int
    branches: int | None = None
    sources: list[str] | None = None
    """
    mRIDs of the sources that can hold the reference.
    """


class GridSummary(BaseModel):
    dialect: str
    """
    `cgmes_2.4.15`, `cgmes_3.0` or `neplan_2012`.
    """
    profiles: list[str]
    scenario_time: str | None = None
    counts: dict[str, int]
    """
    Number of components per kind (nodes, lines, transformers, loads ...).
    """
    voltage_levels: list[VoltageLevelCount]
    islands: list[IslandSummary]
    """
    Energised electrical islands, largest first.
    """
    de_energised_nodes: Annotated[int | None, Field(ge=0)] = None


class GridProblem(BaseModel):
    code: Annotated[str, Field(examples=["dangling_reference"])]
    severity: str
    """
    `error` or `warning`.
    """
    detail: str
    file: str | None = None
    line: int | None = None
    mrid: str | None = None


class GridLinks(BaseModel):
    self: str
    job: str | None = None
    components: str | None = None


class Grid(BaseModel):
    id: str
    """
    Derived from the content of the files.
    """
    name: str | None = None
    status: Annotated[str, Field(examples=["ready"])]
    """
    `importing`, `ready`, `rejected` (the content is wrong, see `problems`) or `failed` (the import was cancelled or
    broke; upload the files again). More may come.

    """
    created_at: AwareDatetime
    job_id: str | None = None
    """
    The import job.
    """
    files: list[GridFile]
    summary: GridSummary | None = None
    problems: list[GridProblem] | None = None
    """
    Warnings of a ready grid, the reasons of a rejected one.
    """
    links: GridLinks


class GridPage(BaseModel):
    items: list[Grid]
    next: str | None = None
    """
    Cursor of the next page; absent on the last.
    """


class GridUpload(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    files: Annotated[list[bytes], Field(max_length=100, min_length=1)]
    """
    XML profiles or zip archives.
    """
    name: Annotated[str | None, Field(max_length=200)] = None
    """
    What to call the grid; by default what the files say.
    """


class GridComponent(BaseModel):
    mrid: str
    kind: str
    """
    node, branch, transformer, injection, shunt, switch or terminal
    """
    name: str | None = None
    cim_class: str | None = None
    base_kv: float | None = None


class ComponentPage(BaseModel):
    items: list[GridComponent]
    next: str | None = None
    """
    Cursor of the next page; absent on the last.
    """


class DatasetColumn(BaseModel):
    name: str
    type: str
    """
    As Arrow names it: double, int64, string, timestamp[us, tz=UTC] ...
    """


class DatasetLinks(BaseModel):
    self: str


class Dataset(BaseModel):
    id: str
    name: str | None = None
    media_type: str
    bytes: Annotated[int, Field(ge=0)]
    digest: str
    """
    SHA-256, hex.
    """
    rows: Annotated[int, Field(ge=0)]
    columns: list[DatasetColumn]
    created_at: AwareDatetime
    links: DatasetLinks


class DatasetPage(BaseModel):
    items: list[Dataset]
    next: str | None = None
    """
    Cursor of the next page; absent on the last.
    """


class JobPage(BaseModel):
    items: list[Job]
    next: str | None = None
    """
    Cursor of the next page; absent on the last.
    """


class EstimationSummary(BaseModel):
    time: str | None = None
    converged: bool
    iterations: Annotated[int, Field(ge=0)]
    objective: float
    """
    J, the weighted sum of squared residuals.
    """
    degrees_of_freedom: int
    chi_square_threshold: float | None = None
    chi_square_passed: bool | None = None
    measurements: Annotated[int, Field(ge=0)]
    """
    Used, pseudo-measurements not counted.
    """
    pseudo_measurements: Annotated[int, Field(ge=0)]
    constraints: Annotated[int, Field(ge=0)]
    """
    Zero-injection constraints.
    """
    rejected: Annotated[int | None, Field(ge=0)] = None
    core_seconds: Annotated[float | None, Field(ge=0.0)] = None


class EstimatedIsland(BaseModel):
    nodes: Annotated[int, Field(ge=1)]
    reference: str
    """
    mRID of the node that holds the angle reference.
    """
    observable: bool


class MeasurementName(BaseModel):
    index: Annotated[int | None, Field(ge=0)] = None
    """
    Position in the request.
    """
    id: str | None = None
    component: str
    measurand: str
    side: int | None = None
    phase: str | None = None


class ObservabilityReport(BaseModel):
    observable: bool
    """
    Whether the measurements alone, without assumed loads, determine the state.
    """
    observable_islands: Annotated[int | None, Field(ge=0)] = None
    unobservable_nodes: list[str]
    """
    mRIDs.
    """
    restored_by: list[MeasurementName]
    """
    Pseudo-measurements that were needed to restore observability.
    """


class BadDataReport(BaseModel):
    suspected: bool
    """
    Whether something is wrong after all rejections.
    """
    rejected: list[MeasurementName]
    critical_sets: list[list[MeasurementName]]
    """
    Groups of measurements that contain an error which cannot be located within the group by any method.

    """
    topology_suspects: list[str] | None = None
    """
    mRIDs of branches or nodes around which residuals cluster.
    """
    notes: list[str] | None = None


class NodeEstimate(BaseModel):
    mrid: str
    name: str | None = None
    base_kv: float | None = None
    energised: bool
    observable: bool | None = None
    """
    Whether its voltage is determined, assumed loads included.
    """
    island: int | None = None
    phase: str | None = None
    """
    A, B or C in an asymmetric estimation.
    """
    v_kv: float | None = None
    v_pu: float | None = None
    angle_deg: float | None = None
    sigma_v_kv: float | None = None
    sigma_v_pu: float | None = None
    sigma_angle_deg: float | None = None


class BranchEstimate(BaseModel):
    mrid: str
    name: str | None = None
    kind: str | None = None
    from_node: str | None = None
    to_node: str | None = None
    phase: str | None = None
    p_from_mw: float | None = None
    q_from_mvar: float | None = None
    i_from_a: float | None = None
    p_to_mw: float | None = None
    q_to_mvar: float | None = None
    i_to_a: float | None = None
    sigma_p_from_mw: float | None = None
    sigma_q_from_mvar: float | None = None
    sigma_i_from_a: float | None = None
    sigma_p_to_mw: float | None = None
    sigma_q_to_mvar: float | None = None
    sigma_i_to_a: float | None = None
    loading_percent: float | None = None


class InjectionEstimate(BaseModel):
    """
    Net consumption at a node.
    """

    node: str
    name: str | None = None
    components: list[str] | None = None
    """
    mRIDs of what is connected there.
    """
    phase: str | None = None
    p_mw: float | None = None
    q_mvar: float | None = None
    sigma_p_mw: float | None = None
    sigma_q_mvar: float | None = None


class MeasurementResidual(BaseModel):
    index: Annotated[int | None, Field(ge=0)] = None
    id: str | None = None
    component: str
    measurand: str
    side: int | None = None
    phase: str | None = None
    unit: str
    value: float
    estimate: float | None = None
    residual: float | None = None
    sigma: float
    normalized_residual: float | None = None
    """
    Absent where the measurement is critical.
    """
    critical: bool | None = None
    """
    No other measurement checks this one.
    """
    critical_set: int | None = None
    """
    Number of the critical set it belongs to, in which an error is noticed but cannot be located.
    """
    pseudo: bool | None = None
    status: str
    """
    `used`, `rejected` or `unused`.
    """
    reason: str | None = None
    """
    Why it is unused.
    """


class ResultPart(BaseModel):
    """
    A table or file of the result, read at `/v1/jobs/{job_id}/result/parts/{name}`.
    """

    name: Annotated[str, Field(examples=["nodes"])]
    media_types: list[str]
    """
    The media types it can be given in.
    """
    rows: Annotated[int | None, Field(ge=0)] = None
    bytes: Annotated[int | None, Field(ge=0)] = None
    digest: str | None = None
    """
    SHA-256 of the stored form, hex.
    """


class EstimationResult(BaseModel):
    type: Literal["estimation"]
    grid_id: str
    time: str | None = None
    """
    Time of the snapshot, where the measurements have one.
    """
    summary: EstimationSummary
    islands: list[EstimatedIsland]
    observability: ObservabilityReport
    bad_data: BadDataReport
    nodes: list[NodeEstimate] | None = None
    """
    Inline up to 1,000 nodes; always the part `nodes`.
    """
    branches: list[BranchEstimate] | None = None
    """
    As `nodes`; always the part `branches`.
    """
    injections: list[InjectionEstimate] | None = None
    """
    As `nodes`; always the part `injections`.
    """
    measurements: list[MeasurementResidual] | None = None
    """
    As `nodes`; always the part `measurements`.
    """
    snapshots: list[EstimationSummary] | None = None
    """
    Of a batch, one summary a snapshot; the tables of all snapshots are parts with a `time` column.
    """
    parts: list[ResultPart]


class GridImportResult(BaseModel):
    type: Literal["grid-import"]
    grid_id: str
    summary: GridSummary
    problems: list[GridProblem]
    parts: list[ResultPart]


class JobResult(RootModel[EstimationResult | GridImportResult]):
    root: Annotated[EstimationResult | GridImportResult, Field(discriminator="type")]


class JobEvent(BaseModel):
    """
    One event of one job, a structured-JSON CloudEvent 1.0; byte for byte the same on every channel.
    """

    specversion: Literal["1.0"]
    id: Annotated[str, Field(examples=["01981c4e-5b5a-7c5e-9a53-0a3c8a9d1f00:3"])]
    """
    `{job}:{sequence}`, stable over redeliveries.
    """
    source: Annotated[str, Field(examples=["/v1/jobs"])]
    type: Annotated[str, Field(examples=["org.gridjobs.job.succeeded.v1"])]
    """
    `org.gridjobs.job.{queued|started|progress|succeeded|failed|cancelled|expired}.v1`
    """
    subject: str
    """
    The job's id.
    """
    time: AwareDatetime
    datacontenttype: Literal["application/json"]
    data: Job


class JobEventPage(BaseModel):
    items: list[JobEvent]


class JobType(BaseModel):
    type: Annotated[str, Field(examples=["estimation"])]
    path: Annotated[str, Field(examples=["/v1/estimations"])]
    summary: str
    request_schema: dict[str, Any]
    """
    JSON Schema of the request body.
    """
    result_schema: dict[str, Any]
    """
    JSON Schema of the result.
    """


class JobTypeList(BaseModel):
    items: list[JobType]


class Health(BaseModel):
    status: Annotated[str, Field(examples=["ok"])]
    version: str | None = None
