"""Parameters of the pipelines as validated records; values live in conf/ alone."""
