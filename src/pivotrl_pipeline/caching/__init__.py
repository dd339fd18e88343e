"""Skipping of nodes whose result could not differ."""
