"""Seeds: every sample has a stream of its own, whatever else is drawn beside it."""

import hashlib


def derive_seed(*parts: int | str) -> int:
    """A seed in [0, 2**63) from the run's seed and whatever names the sample."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big") >> 1
