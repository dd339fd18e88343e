"""PivotRL (arXiv 2603.21383) as a Kedro project."""

__version__ = "0.1.0"
