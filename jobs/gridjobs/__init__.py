"""Gridjobs job domain: what API and workers share."""
