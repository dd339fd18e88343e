"""A package on disk whose functions are fingerprinted without running them."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from pivotrl_pipeline.caching.code import Code, CodeFingerprint
from pivotrl_pipeline.caching.content import Contents
from pivotrl_pipeline.caching.memory import Memory
from pivotrl_pipeline.caching.modules import Modules
from pivotrl_pipeline.caching.resolution import Resolver

PACKAGE = "sample_code"


class Sources:
    """A package on disk whose functions are fingerprinted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / PACKAGE
        self.folder.mkdir()
        self.write(__init__="")

    def write(self, **modules: str) -> None:
        for name, text in modules.items():
            file = self.folder / f"{name.replace('__dot__', '/')}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)

    def load(self, module: str) -> ModuleType:
        self.forget()
        importlib.invalidate_caches()
        return importlib.import_module(f"{PACKAGE}.{module}")

    def code(self) -> Code:
        memory = Memory(None)
        contents = Contents(memory)
        modules = Modules([PACKAGE], memory, contents)
        return Code(modules, Resolver(modules), contents, memory)

    def fingerprint(self, function: Callable[..., object] | str) -> CodeFingerprint:
        if isinstance(function, str):
            return self.code().of_name(f"{PACKAGE}.{function}")
        return self.code().fingerprint(function)

    def symbols(self, function: str) -> set[str]:
        found = self.fingerprint(function).symbols
        return {name.removeprefix(f"{PACKAGE}.") for name in found}

    @staticmethod
    def forget() -> None:
        for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
            del sys.modules[name]
