"""Quantile forecasting."""
