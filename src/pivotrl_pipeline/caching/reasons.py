"""Why a node runs, in words: the difference between two recipes."""

from collections.abc import Iterable, Mapping

from .recipe import Recipe

_SHOWN = 2
_VALUE_WIDTH = 32


def differences(
    old: Recipe, new: Recipe, *, unknown: Iterable[str] = (), prefix: str = ""
) -> list[str]:
    """What changed from one recipe to the other, the most telling first.

    Args:
        old: The recipe of the receipt.
        new: The recipe of today.
        unknown: Datasets whose content is not known yet; they are left out.
        prefix: Package name to leave out of symbols, such as ``"pivotrl_pipeline."``.
    """
    ignored = {f"input {name}" for name in unknown}
    names = sorted({*old.ingredients, *new.ingredients} - ignored)
    changed = [n for n in names if old.ingredients.get(n) != new.ingredients.get(n)]
    reasons: list[str] = []
    symbols = _changed_symbols(old.symbols, new.symbols, prefix)
    for name in sorted(changed, key=_order):
        told = _tell(name, old, new, symbols)
        if told and told not in reasons:
            reasons.append(told)
    return reasons


def _order(name: str) -> tuple[int, str]:
    starts = ("param", "code", "input", "binding", "saving", "loading", "package")
    rank = next((i for i, s in enumerate(starts) if name.startswith(s)), len(starts))
    return rank, name


def _tell(name: str, old: Recipe, new: Recipe, symbols: str) -> str:
    before, after = old.ingredients.get(name), new.ingredients.get(name)
    if name.startswith("param"):
        return _parameter(name, old.parameters, new.parameters)
    if name == "code" or name.startswith("code "):
        return f"code changed ({symbols or 'what the function captures'})"
    if name == "binding":
        return "the node's inputs or outputs are other ones"
    kind, _, subject = name.partition(" ")
    if kind == "input":
        return f"input {subject!r} " + (
            "is missing" if after == "missing" else "changed"
        )
    if kind in {"loading", "saving"}:
        if before is None or after is None:
            return ""  # told by the binding
        subject = subject.removeprefix("of ")
        if symbols:
            return f"code changed ({symbols})"
        return f"{kind} of {subject!r} is configured otherwise"
    if before is None or after is None:
        return "" if "code" in _changed_kinds(old, new) else f"{name} {before or after}"
    return f"{name} {before} → {after}"


def _changed_kinds(old: Recipe, new: Recipe) -> set[str]:
    return {
        name.partition(" ")[0]
        for name in {*old.ingredients, *new.ingredients}
        if old.ingredients.get(name) != new.ingredients.get(name)
    }


def _parameter(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> str:
    def leaves(recipe: Mapping[str, str]) -> dict[str, str]:
        return {
            k: v for k, v in recipe.items() if k == name or k.startswith(f"{name}.")
        }

    before, after = leaves(old), leaves(new)
    told = []
    for leaf in sorted({*before, *after}):
        if before.get(leaf) != after.get(leaf):
            values = (before.get(leaf, "none"), after.get(leaf, "none"))
            told.append(f"{leaf} {' → '.join(map(_short, values))}")
    return _shortened(told) or f"{name} changed"


def _changed_symbols(
    old: Mapping[str, str], new: Mapping[str, str], prefix: str
) -> str:
    changed = sorted(n for n in {*old, *new} if old.get(n) != new.get(n))
    names = (name.removeprefix(prefix).partition("#")[0] for name in changed)
    return _shortened(list(dict.fromkeys(names)))


def _shortened(parts: list[str]) -> str:
    more = f", {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return ", ".join(parts[:_SHOWN]) + more


def _short(text: str) -> str:
    return text if len(text) <= _VALUE_WIDTH else text[: _VALUE_WIDTH - 1] + "…"
