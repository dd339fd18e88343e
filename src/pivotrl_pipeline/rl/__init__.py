"""Single-turn GRPO on pivots."""
