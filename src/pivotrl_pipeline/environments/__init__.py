"""Worlds in which a policy acts over several turns."""
