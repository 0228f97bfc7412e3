"""CIM import and the grid model."""
