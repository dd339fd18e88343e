"""Policies: loading, rendering of states, sampling of actions."""
