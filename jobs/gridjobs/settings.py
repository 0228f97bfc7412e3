"""One settings object for all roles, read from the environment (`GRIDJOBS_*`)."""

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

DAY_S = 86_400.0


class Settings(BaseSettings):
    """How one installation is set up. Every field is the environment variable `GRIDJOBS_` + its name."""

    model_config = SettingsConfigDict(
        env_prefix="GRIDJOBS_", use_attribute_docstrings=True, frozen=True, extra="ignore"
    )

    # Where things are
    store_url: str = "redis://127.0.0.1:6379/0"
    """The store: `redis://host:port/db`, `rediss://...` or `unix:///path/to/socket`. One durable primary."""
    broker_url: str = "redis"
    """The broker: `amqp://user:password@host:port/vhost` (RabbitMQ), or `redis`: the one in the store."""
    blob_url: str = ""
    """Where grids, datasets and large results are kept: `file:///folder`, `s3://bucket/prefix`, `gs://`, `az://`;
    empty: the folder `blobs` in `data_dir`."""
    mqtt_url: str = ""
    """MQTT broker for events and measurements when the broker is `redis`: `mqtt://user:password@host:port`;
    empty: none."""
    data_dir: Path = Path(".data")
    """Folder for everything that this machine keeps."""

    # Jobs
    lease_s: float = Field(15.0, gt=0)
    """How long a worker may be silent before its job is given to another [s]."""
    heartbeat_s: float = Field(0.5, gt=0)
    """How often a worker renews its lease, tells progress, sees a cancellation [s]; well below `lease_s`."""
    max_attempts: int = Field(3, ge=1)
    """How many failed attempts end a job as failed."""
    retry_delay_s: float = Field(1.0, ge=0)
    """Pause before the second attempt [s]; doubles with every further one."""
    job_timeout_s: float = Field(3600.0, gt=0)
    """How long one attempt may compute [s]; the deadline of the job itself counts too."""
    cancel_grace_s: float = Field(0.3, ge=0)
    """How long a cancelled computation may take to stop by itself before it is killed [s]."""
    result_ttl_s: float = Field(7 * DAY_S, gt=0)
    """How long a result is kept after the job has finished [s]."""
    job_ttl_s: float = Field(30 * DAY_S, gt=0)
    """How long the record of a finished job is kept [s]."""
    queue_bound: int = Field(100_000, ge=1)
    """How many jobs of one type may be queued before new ones are refused."""

    # Relay
    hint_stale_s: float = Field(30.0, gt=0)
    """When a queued job that nobody has claimed is announced again [s]; the pause doubles each time."""
    reconcile_s: float = Field(1.0, gt=0)
    """How often expired leases, deadlines and retention are looked after [s]."""
    outbox_claim_s: float = Field(10.0, gt=0)
    """How long an outbox entry may lie with a relay before another takes it [s]."""
    blob_grace_s: float = Field(3600.0, ge=0)
    """How long a blob that nobody refers to is kept [s]."""
    orphan_sweep_s: float = Field(DAY_S, gt=0)
    """How often the whole blob store is searched for blobs that a crash left without a job or resource [s]."""

    # Workers
    worker_types: str = ""
    """Job types that `gridjobs worker` serves, separated by commas; empty: all."""
    worker_slots: int = Field(0, ge=0)
    """How many jobs one worker runs at a time, each in a process of its own; 0: one per core."""
    memory_limit_mb: int = Field(4096, ge=0)
    """How much memory one computation may use [MB]; 0: no limit."""
    jobs_per_child: int = Field(1000, ge=1)
    """After how many jobs the process that computes them is replaced."""
    drain_s: float = Field(25.0, ge=0)
    """How long a worker that is told to end may go on with its job before it gives it back [s]."""
    extra_actors: str = ""
    """Further job types for the workers, as `type=module:function`, separated by commas."""

    # API
    api_host: str = "127.0.0.1"
    """Address that the API listens on; it must be loopback as long as the API checks no identity."""
    api_port: int = Field(8080, ge=0, le=65535)
    """Port that the API listens on; 0: any free one."""
    body_limit_bytes: int = Field(8 * 2**20, ge=1024)
    """Largest JSON body of a request [B]; bulk data belong into a dataset."""
    upload_limit_bytes: int = Field(512 * 2**20, ge=1024)
    """Largest upload of a grid or dataset [B]."""
    rate_limit_per_minute: int = Field(0, ge=0)
    """Requests that one principal may make in a minute; 0: no limit."""
    sse_keepalive_s: float = Field(15.0, gt=0)
    """Pause between the comments that keep an event stream open [s]."""
    max_waiters: int = Field(1000, ge=1)
    """How many requests may wait for a job at the same time in one API process."""

    # Identity: not enforced yet, so these open nothing; the API listens on loopback only
    jwt_issuer: str = ""
    """Issuer of accepted bearer tokens; empty: none are accepted."""
    jwt_audience: str = "gridjobs"
    """Audience that a bearer token must name."""
    jwks_url: str = ""
    """Where the issuer publishes its keys; empty: discovered from the issuer."""
    api_keys_file: Path | None = None
    """JSON file of API keys for machines, hashed."""
    default_tenant: str = "default"
    """Tenant of callers when no identity is configured."""

    # Webhooks
    webhook_allow_private: bool = False
    """Whether webhooks may call private, loopback and link-local addresses."""
    webhook_key: SecretStr = SecretStr("")
    """Key that protects webhook secrets at rest; empty: they are kept as they are."""

    # Logs
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is logged."""
    log_format: Literal["json", "console"] = "json"
    """Whether logs are for machines or for people."""

    @property
    def embedded(self) -> bool:
        """Whether the broker is the one inside the store."""
        return self.broker_url == "redis"

    @property
    def effective_broker_url(self) -> str:
        """What to connect to for hints, with the default filled in."""
        return self.store_url if self.embedded else self.broker_url

    @cached_property
    def effective_blob_url(self) -> str:
        """Where blobs are, with the default filled in."""
        return self.blob_url or (self.data_dir.absolute() / "blobs").as_uri()
