"""From raw rows to the tables `trajectories` and `pivot_candidates`."""
