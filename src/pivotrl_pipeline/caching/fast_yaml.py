"""Configuration parsed by libyaml, where PyYAML was built with it.

OmegaConf derives its loader from ``yaml.SafeLoader`` each time it reads a file. The one
of libyaml gives the same values in a fraction of the time, and reading configuration is
much of what a run with nothing to do costs.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import yaml  # type: ignore[import-untyped]


def read_with_libyaml(config_loader: Any) -> None:
    """Lets this one loader of Kedro's read its files with libyaml."""
    read = getattr(config_loader, "_read_raw_config", None)
    if read is None:
        return

    def read_raw_config(key: str) -> Any:
        with _libyaml():
            return read(key)

    config_loader.__dict__["_read_raw_config"] = read_raw_config


@contextlib.contextmanager
def _libyaml() -> Iterator[None]:
    pure = yaml.SafeLoader
    yaml.SafeLoader = getattr(yaml, "CSafeLoader", pure)
    try:
        yield
    finally:
        yaml.SafeLoader = pure
