"""The HTTP face of Gridjobs."""
