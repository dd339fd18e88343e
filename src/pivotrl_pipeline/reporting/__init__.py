"""Summaries a person reads."""
