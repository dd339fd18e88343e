"""What a piece of code leads to."""

import sys
from dataclasses import dataclass, field

Unit = tuple[str, str]
"""(module, symbol); the symbol may be ``IMPORT`` or ``FILE``."""

IMPORT = "<import>"
FILE = "<file>"


@dataclass
class Reach:
    """What one unit leads to."""

    units: set[Unit] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)
    resources: set[str] = field(default_factory=set)
    """Modules whose neighbouring files are read."""
    is_dynamic: bool = False
    reads_documentation: bool = False

    def add(self, other: "Reach") -> None:
        """Takes in what another unit leads to."""
        self.units |= other.units
        self.packages |= other.packages
        self.resources |= other.resources
        self.is_dynamic |= other.is_dynamic
        self.reads_documentation |= other.reads_documentation


def package_of(dotted: str) -> set[str]:
    """The package of a dotted name, none for the standard library."""
    top = dotted.partition(".")[0]
    return set() if top in sys.stdlib_module_names or not top else {top}
