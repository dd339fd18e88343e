"""Group statistics and the choice of pivots."""
