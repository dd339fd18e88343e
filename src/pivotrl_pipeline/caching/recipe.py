"""The recipe of a node: everything that its outputs depend on.

A flat map from an ingredient's name to its digest. It is stored as it is, so that the
answer to "why does it run" is the difference of two maps.
"""

import importlib.util
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from kedro.io import CatalogProtocol
from kedro.pipeline.node import Node

from .code import Code, CodeFingerprint
from .entries import Entries, Entry, parameter_value
from .modules import Modules
from .packages import Packages
from .values import (
    UnstableValueError,
    canonical_form,
    digest_text,
    digest_value,
    flatten,
)

_IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*[.:][A-Za-z_]\w*")


@dataclass(frozen=True)
class Recipe:
    """One node's ingredients."""

    ingredients: Mapping[str, str]
    """Name, such as ``"code"`` or ``"input trajectories"`` → digest or version."""
    parameters: Mapping[str, str]
    """``params:a.b`` → JSON text of each leaf, only to show what changed."""
    symbols: Mapping[str, str]
    """``module.function`` → digest, only to show what changed."""
    files: frozenset[Path] = field(default_factory=frozenset)
    """The source files behind ``code``."""

    @cached_property
    def digest(self) -> str:
        """Digest of all ingredients."""
        return digest_text(
            *(part for i in sorted(self.ingredients.items()) for part in i)
        )

    @cached_property
    def code_digest(self) -> str:
        """Digest of the code, and of the versions of what it mentions."""
        return digest_text(
            *(
                part
                for name, digest in sorted(self.ingredients.items())
                if name.partition(" ")[0] in {"code", "package", "python"}
                for part in (name, digest)
            )
        )

    def with_inputs(self, inputs: Mapping[str, str]) -> "Recipe":
        """The same with the digests of the datasets that the node loads."""
        named = {f"input {name}": digest for name, digest in inputs.items()}
        return Recipe(
            {**self.ingredients, **named}, self.parameters, self.symbols, self.files
        )


class Recipes:
    """Recipes of nodes, without the contents of their inputs."""

    def __init__(
        self,
        catalog: CatalogProtocol[Any, Any],
        entries: Entries,
        code: Code,
        packages: Packages,
        modules: Modules,
        *,
        count_versions: bool = True,
    ) -> None:
        """``count_versions`` makes versions of mentioned packages an ingredient."""
        self._catalog = catalog
        self._entries = entries
        self._code = code
        self._packages = packages
        self._modules = modules
        self._count_versions = count_versions
        self._known: dict[str, Recipe] = {}
        self._settings: dict[tuple[str, bool], tuple[str, list[CodeFingerprint]]] = {}

    def of(self, node: Node) -> Recipe:
        """The node's recipe without inputs.

        Raises:
            UnstableValueError: If an ingredient cannot be fingerprinted.
        """
        if node.name not in self._known:
            self._known[node.name] = self._make(node)
        return self._known[node.name]

    def _make(self, node: Node) -> Recipe:
        parts = [self._code.fingerprint(node.func)]
        ingredients = {
            "code": parts[0].digest,
            "binding": digest_value([node._inputs, node._outputs]),
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        }
        leaves: dict[str, str] = {}
        packages: set[str] = set()
        for name in sorted({*node.inputs, *node.outputs}):
            entry = self._entries[name]
            if entry.kind == "parameter":
                ingredients[name] = self._parameter(name, leaves)
            else:
                word = "loading of" if name in node.inputs else "saving of"
                digest, own = self._entry_settings(entry, loading=name in node.inputs)
                ingredients[f"{word} {name}"] = digest
                packages |= self._libraries(entry)
                parts += own
        if parts[0].imports_by_name:
            named, foreign = self._named_code(leaves.values())
            ingredients |= {f"code {name}": part.digest for name, part in named.items()}
            packages |= foreign
            parts += named.values()
        packages = packages.union(*(part.packages for part in parts))
        if self._count_versions:
            versions = self._packages.versions(packages)
            ingredients |= {f"package {n}": v for n, v in versions.items()}
        return Recipe(
            ingredients,
            leaves,
            {name: d for part in parts for name, d in part.symbols.items()},
            frozenset().union(*(part.files for part in parts)),
        )

    def _named_code(
        self, leaves: Iterable[str]
    ) -> tuple[dict[str, CodeFingerprint], set[str]]:
        """Code that parameters name by its import path, and packages of other such."""
        named: dict[str, CodeFingerprint] = {}
        foreign: set[str] = set()
        for text in sorted({text for leaf in leaves for text in _texts(leaf)}):
            top = text.partition(".")[0]
            if not self._modules.owns(top):
                if not _is_package(top):
                    continue
                if _is_installed(top):
                    foreign.add(top)
                    continue
                self._modules.add(top)
            named[text] = self._code_beside(text.replace(":", "."))
        return named, foreign

    def _code_beside(self, dotted: str) -> CodeFingerprint:
        """The code of a name, with that of modules it mentions that have no version."""
        while True:
            found = self._code.of_name(dotted)
            beside = [
                name
                for name in found.packages
                if not self._modules.owns(name)
                and _is_package(name)
                and not _is_installed(name)
            ]
            if not beside:
                return found
            for name in beside:
                self._modules.add(name)

    def _parameter(self, name: str, leaves: dict[str, str]) -> str:
        try:
            form = canonical_form(parameter_value(self._catalog, name))
        except UnstableValueError as error:
            raise UnstableValueError(f"{name}: {error}") from error
        leaves |= flatten(form, name)
        return digest_text(json.dumps(form, sort_keys=True, ensure_ascii=False))

    def _entry_settings(
        self, entry: Entry, *, loading: bool
    ) -> tuple[str, list[CodeFingerprint]]:
        key = (entry.name, loading)
        if key not in self._settings:
            settings = entry.loading_digest() if loading else entry.saving_digest()
            owned = [path for path in _class_paths(entry) if self._modules.owns(path)]
            use = "load" if loading else "save"
            parts = [self._code.of_name(path, use) for path in owned]
            if parts:
                settings = digest_text(settings, *(part.digest for part in parts))
            self._settings[key] = settings, parts
        return self._settings[key]

    def _libraries(self, entry: Entry) -> set[str]:
        """Packages that the dataset's and the validator's classes come from."""
        tops = {path.partition(".")[0] for path in _class_paths(entry)}
        foreign = {
            top for top in tops if not self._modules.owns(top) and _is_package(top)
        }
        return {*foreign, "kedro_datasets"} if entry.is_stored else set()


def _is_package(name: str) -> bool:
    """Whether it can be imported; a group of kedro-datasets need not be a package."""
    is_standard = name in sys.stdlib_module_names
    return not is_standard and importlib.util.find_spec(name) is not None


def _class_paths(entry: Entry) -> list[str]:
    """Of the dataset and of its validator, as configured."""
    validator = entry.validator
    if isinstance(validator, Mapping):
        validator = validator.get("class")
    inner = entry.arguments.get("dataset")
    if isinstance(inner, Mapping):
        inner = inner.get("type")
    found = (entry.class_path, validator, inner)
    return [path for path in found if isinstance(path, str) and path]


def _texts(leaf: str) -> Iterator[str]:
    """Import paths among the texts of a parameter's JSON form."""
    pending = [json.loads(leaf)]
    while pending:
        value = pending.pop()
        if isinstance(value, str) and _IMPORT_PATH.fullmatch(value):
            yield value
        elif isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict):
            pending.extend(value.values())


def _is_installed(package: str) -> bool:
    """Whether the package has a version, rather than lying beside the project."""
    spec = importlib.util.find_spec(package)
    places = (
        [spec.origin or "", *(spec.submodule_search_locations or [])] if spec else []
    )
    return any({"site-packages", "dist-packages"} & {*Path(p).parts} for p in places)
