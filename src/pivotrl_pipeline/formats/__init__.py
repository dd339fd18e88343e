"""Formats of trajectories and of actions in text, one module each."""
