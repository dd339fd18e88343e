"""What a piece of code leads to."""

import sys
from dataclasses import dataclass, field

Unit = tuple[str, str]
"""(module, symbol); the symbol may be one of those below."""

IMPORT = "<import>"
"""What importing the module causes."""
EFFECT = "<effect>"
"""Followed by the number of a statement that does more than bind names."""
FILE = "<file>"
"""The whole module."""


@dataclass
class Reach:
    """What one unit leads to."""

    units: set[Unit] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)
    resources: set[str] = field(default_factory=set)
    """Modules whose neighbouring files are read."""
    effects: set[tuple[Unit, Unit]] = field(default_factory=set)
    """(effect, what it calls): counts for who reaches what the call touches."""
    is_dynamic: bool = False
    """It can run any code of the project."""
    imports_by_name: bool = False
    """It imports what a text names."""
    reads_documentation: bool = False

    def add(self, other: "Reach") -> None:
        """Takes in what another unit leads to."""
        self.units |= other.units
        self.packages |= other.packages
        self.resources |= other.resources
        self.effects |= other.effects
        self.imports_by_name |= other.imports_by_name
        self.is_dynamic |= other.is_dynamic
        self.reads_documentation |= other.reads_documentation


def package_of(dotted: str) -> set[str]:
    """The package of a dotted name, none for the standard library."""
    top = dotted.partition(".")[0]
    return set() if top in sys.stdlib_module_names or not top else {top}
