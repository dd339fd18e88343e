"""Pivots for other trainers, each with what its reward needs."""
