"""Tokens forwarded per unique token: what sharing is measured by."""

from dataclasses import dataclass


@dataclass(slots=True)
class TokenCounts:
    """How many tokens went through the model, and how many had to."""

    forwarded: int = 0
    unique: int = 0
    """Distinct prompt tokens (by their whole prefix), and sampled tokens that were
    followed by another."""

    @property
    def ratio(self) -> float:
        """Tokens forwarded per unique token; 1 where nothing was forwarded."""
        return self.forwarded / self.unique if self.unique else 1.0
