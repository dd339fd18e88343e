"""Do two argument objects mean the same to a tool?

The tool's schema decides what a value is, what leaving it out means and whether its
format makes two spellings equal. Rules by argument path override how values compare.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pivotrl_pipeline.parameters.comparators import (
    AnyComparator,
    ArgumentRule,
    ExactComparator,
    IgnoreComparator,
    ShellComparator,
    UnorderedComparator,
)
from pivotrl_pipeline.records.messages import JsonObject, JsonValue
from pivotrl_pipeline.verifiers.comparators import (
    Comparator,
    build_comparator,
    equal_dates,
)
from pivotrl_pipeline.verifiers.json_schema import SchemaNode, Shape, merge_shapes
from pivotrl_pipeline.verifiers.json_values import (
    describe,
    identity_key,
    json_equal,
)
from pivotrl_pipeline.verifiers.matching import match_most

_DATE_FORMATS = frozenset({"date", "date-time"})
_MAX_REMEMBERED_PATHS = 4_096
_MAX_FUZZY_ITEMS = 64
"""Items of an unordered array that are paired one with another, which is quadratic;
the items of a longer one are compared as plain JSON values."""

_UNKNOWN = Shape({}, {}, None, (), None, None, ())


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a rule says at one path."""

    compare: Comparator | None
    takes_containers: bool
    """True if it judges an array or an object as a whole; else the parts are judged,
    each by the rule at its own path."""
    is_unordered: bool
    is_ignored: bool


_NO_RULE = _Rule(None, takes_containers=False, is_unordered=False, is_ignored=False)


class ArgumentComparison:
    """Compares the arguments of one tool."""

    def __init__(
        self,
        tool: str,
        schema: SchemaNode | None,
        rules: Sequence[ArgumentRule],
        strings: Comparator,
    ) -> None:
        """Keeps the rules that speak about ``tool``.

        Args:
            tool: Its name.
            schema: Of its arguments; None where it is not known.
            rules: The first that fits a path decides.
            strings: Compares strings that no rule and no format covers.
        """
        self._schema = schema
        self._strings = strings
        self._rules = [
            (rule.argument, _compile_rule(rule.comparator))
            for rule in rules
            if fnmatchcase(tool, rule.tool)
        ]
        self._rule_by_path: dict[str, _Rule] = {}

    def difference(self, demonstrated: JsonObject, sampled: JsonObject) -> str | None:
        """The first argument that means something else; None if all mean the same."""
        return self._difference(self._schema, demonstrated, sampled, "")

    def _difference(
        self,
        node: SchemaNode | None,
        demonstrated: JsonValue,
        sampled: JsonValue,
        path: str,
    ) -> str | None:
        rule = self._rule_at(path) if self._rules else _NO_RULE
        if rule.compare is not None and (
            rule.takes_containers
            or not isinstance(demonstrated, (list, dict))
            or not isinstance(sampled, (list, dict))
        ):
            is_same = rule.compare(demonstrated, sampled)
            return None if is_same else _describe(path, demonstrated, sampled)
        shape = _UNKNOWN if node is None else node.shape
        if shape.alternatives:
            return self._difference_of_alternatives(
                shape, demonstrated, sampled, path, rule
            )
        return self._difference_in(shape, demonstrated, sampled, path, rule)

    def _difference_of_alternatives(
        self,
        shape: Shape,
        demonstrated: JsonValue,
        sampled: JsonValue,
        path: str,
        rule: _Rule,
    ) -> str | None:
        """None if one alternative allows both values and finds them equal."""
        common = Shape(
            shape.properties,
            shape.defaults,
            shape.other_properties,
            shape.prefix_items,
            shape.items,
            shape.format,
            (),
        )
        difference = None
        for branch in shape.alternatives:
            if branch.problem(demonstrated) is None and branch.problem(sampled) is None:
                view = merge_shapes(common, branch.shape)
                compare = (
                    self._difference_of_alternatives
                    if view.alternatives
                    else self._difference_in
                )
                difference = compare(view, demonstrated, sampled, path, rule)
                if difference is None:
                    return None
        return difference or self._difference_in(
            common, demonstrated, sampled, path, rule
        )

    def _difference_in(
        self,
        shape: Shape,
        demonstrated: JsonValue,
        sampled: JsonValue,
        path: str,
        rule: _Rule,
    ) -> str | None:
        if isinstance(demonstrated, dict) and isinstance(sampled, dict):
            return self._difference_of_objects(shape, demonstrated, sampled, path)
        if isinstance(demonstrated, list) and isinstance(sampled, list):
            if rule.is_unordered:
                return self._difference_of_sets(shape, demonstrated, sampled, path)
            return self._difference_of_arrays(shape, demonstrated, sampled, path)
        if isinstance(demonstrated, str) and isinstance(sampled, str):
            is_date = shape.format in _DATE_FORMATS
            compare = equal_dates if is_date else self._strings
            is_same = demonstrated == sampled or compare(demonstrated, sampled)
        else:
            is_same = json_equal(demonstrated, sampled)
        return None if is_same else _describe(path, demonstrated, sampled)

    def _difference_of_objects(
        self, shape: Shape, demonstrated: JsonObject, sampled: JsonObject, path: str
    ) -> str | None:
        for key in (
            demonstrated
            if demonstrated.keys() == sampled.keys()
            else (
                *demonstrated,
                *(key for key in sampled if key not in demonstrated),
            )
        ):
            below = f"{path}.{key}" if path else key
            is_complete = key in demonstrated and key in sampled
            if not is_complete and self._rules and self._rule_at(below).is_ignored:
                continue
            if not is_complete and key not in shape.defaults:
                if key in demonstrated:
                    return f"{below}: demonstrated, but left out"
                return f"{below}: not demonstrated"
            difference = self._difference(
                shape.properties.get(key, shape.other_properties),
                demonstrated[key] if key in demonstrated else shape.defaults[key],
                sampled[key] if key in sampled else shape.defaults[key],
                below,
            )
            if difference is not None:
                return difference
        return None

    def _difference_of_arrays(
        self,
        shape: Shape,
        demonstrated: list[JsonValue],
        sampled: list[JsonValue],
        path: str,
    ) -> str | None:
        if len(demonstrated) != len(sampled):
            return _describe(path, demonstrated, sampled)
        for index, (left, right) in enumerate(zip(demonstrated, sampled, strict=True)):
            node = _item_schema(shape, index)
            difference = self._difference(node, left, right, f"{path}[]")
            if difference is not None:
                return difference
        return None

    def _difference_of_sets(
        self,
        shape: Shape,
        demonstrated: list[JsonValue],
        sampled: list[JsonValue],
        path: str,
    ) -> str | None:
        if len(demonstrated) != len(sampled):
            return _describe(path, demonstrated, sampled)
        if self._difference_of_arrays(shape, demonstrated, sampled, path) is None:
            return None
        if len(demonstrated) > _MAX_FUZZY_ITEMS:
            return (
                None if _same_items(demonstrated, sampled) else f"{path}: other items"
            )
        partners = [
            [
                index
                for index, right in enumerate(sampled)
                if self._difference(shape.items, left, right, f"{path}[]") is None
            ]
            for left in demonstrated
        ]
        matched = set(match_most(partners).values())
        for index, left in enumerate(demonstrated):
            if index not in matched:
                return f"{path}: no counterpart of {describe(left)}"
        return None

    def _rule_at(self, path: str) -> _Rule:
        rule = self._rule_by_path.get(path)
        if rule is None:
            fitting = (each for pattern, each in self._rules if _fits(path, pattern))
            rule = next(fitting, _NO_RULE)
            if len(self._rule_by_path) < _MAX_REMEMBERED_PATHS:
                self._rule_by_path[path] = rule
        return rule


def _compile_rule(comparator: AnyComparator) -> _Rule:
    return _Rule(
        build_comparator(comparator),
        takes_containers=isinstance(
            comparator, (ExactComparator, IgnoreComparator, ShellComparator)
        ),
        is_unordered=isinstance(comparator, UnorderedComparator),
        is_ignored=isinstance(comparator, IgnoreComparator),
    )


def _fits(path: str, pattern: str) -> bool:
    # The brackets of `flights[].date` are literal, not a character class.
    return bool(path) and fnmatchcase(path, pattern.replace("[", "[[]"))


def _item_schema(shape: Shape, index: int) -> SchemaNode | None:
    if index < len(shape.prefix_items):
        return shape.prefix_items[index]
    return shape.items


def _same_items(left: list[JsonValue], right: list[JsonValue]) -> bool:
    return Counter(map(identity_key, left)) == Counter(map(identity_key, right))


def _describe(path: str, demonstrated: JsonValue, sampled: JsonValue) -> str:
    place = path or "arguments"
    return f"{place}: demonstrated {describe(demonstrated)}, found {describe(sampled)}"
