"""What the forecasting benchmark measures against."""
