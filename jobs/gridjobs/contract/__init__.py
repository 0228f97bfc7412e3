"""The contract: pydantic models generated from the OpenAPI description."""
