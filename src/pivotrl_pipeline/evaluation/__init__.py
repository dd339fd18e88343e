"""Success in-domain, accuracy out-of-domain, and intervals."""
