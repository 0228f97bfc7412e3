"""Between the request's words (mRIDs, kV, MW) and the core's arrays (rows, per unit)."""
