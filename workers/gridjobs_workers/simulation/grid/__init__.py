"""From a grid model to what the simulation cores take, and back."""
