"""The demonstration: a real run of everything, from an upload to a picture."""
