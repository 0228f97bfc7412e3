"""Records of grids and datasets: small flat records by kind, tenant and id; their bytes are blobs.

A record holds `id`, `kind`, `tenant`, `status` (importing, ready, rejected, failed), `created_ms`, `blobs`
(digests that live as long as the record, separated by spaces), `job_id` of the job that makes it, and free
text fields.

- A grid is created together with its import job (`Submission.creates`) and gets its status, and the fields
  of the outcome, in the same atomic step as that job's end. `rejected` means that its content is wrong;
  `failed` that the import could not be carried out (cancelled, crashed), and the next upload of the same
  content tries again.
- Fields named `...digest` in an outcome are blobs that belong to the record from then on.
- A job that refers to a record gets a copy of it when it is accepted (fields of more than 1 KiB are left
  out) and holds its blobs: it runs even if the record is deleted meanwhile.
"""

from gridjobs import calls
from gridjobs.errors import resource_not_found
from gridjobs.model import NewResource
from gridjobs.store import AsyncJobStore


class Resources:
    """Grids or datasets, as the API sees them."""

    def __init__(self, store: AsyncJobStore, kind: str) -> None:
        self._store = store
        self._kind = kind

    async def create(self, tenant: str, resource: NewResource) -> tuple[bool, dict[str, str]]:
        """Create a record that no job has to make; return whether it is new, and the record as it stands."""
        return await self._store.run(calls.create_resource(resource, tenant))

    async def get(self, tenant: str, resource_id: str) -> dict[str, str]:
        """Read a record; raises ResourceNotFound (GridNotFound, DatasetNotFound)."""
        record = await self._store.run(calls.get_resource(self._kind, tenant, resource_id))
        if not record:
            raise resource_not_found(self._kind, resource_id)
        return record

    async def page(
        self, tenant: str, limit: int = 50, cursor: str | None = None
    ) -> tuple[list[dict[str, str]], str | None]:
        """Read some records, newest first, and the cursor of the next page; raises InvalidCursor."""
        return await self._store.run(calls.list_resources(self._kind, tenant, limit, cursor))

    async def delete(self, tenant: str, resource_id: str) -> None:
        """Delete a record; raises ResourceNotFound, and ResourceNotReady while it is being made."""
        await self._store.run(calls.delete_resource(self._kind, tenant, resource_id))
