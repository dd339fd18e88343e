"""The six stages, and what feeds them."""
