"""How the initial policy in the box is made; nothing else depends on it."""
