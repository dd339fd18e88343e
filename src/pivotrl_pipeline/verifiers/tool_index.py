"""The compiled schemas of the tools that states offer, each compiled once."""

from collections.abc import Callable
from dataclasses import dataclass

from pivotrl_pipeline.records.messages import Tool, dump_json
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.arguments import ArgumentComparison
from pivotrl_pipeline.verifiers.json_schema import SchemaNode, compile_schema

_MAX_REMEMBERED = 4_096


@dataclass(frozen=True, slots=True)
class CompiledTool:
    """What judging one tool's calls needs."""

    schema: SchemaNode | None
    """None where the state offers no tools at all: nothing is known."""
    comparison: ArgumentComparison


class ToolIndex:
    """Finds a state's tool by name and remembers what was compiled for it."""

    def __init__(
        self, build: Callable[[str, SchemaNode | None], ArgumentComparison]
    ) -> None:
        self._build = build
        # Tools are looked up by identity first: printing a schema costs more than a
        # verdict. The tool is kept beside its result, so an id is never used again.
        self._by_identity: dict[int, tuple[Tool, CompiledTool]] = {}
        self._by_text: dict[tuple[str, str], CompiledTool] = {}

    def find(self, state: State, name: str) -> CompiledTool | None:
        """The tool of this name; None if the state offers others but not this one.

        Raises:
            VerifierError: If the tool's schema is malformed.
        """
        if not state.tools:
            return self._compiled(name, None)
        for tool in state.tools:
            if tool.name == name:
                return self._of_tool(tool)
        return None

    def _of_tool(self, tool: Tool) -> CompiledTool:
        known = self._by_identity.get(id(tool))
        if known is not None:
            return known[1]
        compiled = self._compiled(tool.name, tool)
        if len(self._by_identity) >= _MAX_REMEMBERED:
            self._by_identity.clear()
        self._by_identity[id(tool)] = (tool, compiled)
        return compiled

    def _compiled(self, name: str, tool: Tool | None) -> CompiledTool:
        key = (name, "" if tool is None else dump_json(tool.parameters))
        if key not in self._by_text:
            if len(self._by_text) >= _MAX_REMEMBERED:
                self._by_text.clear()
            schema = (
                None if tool is None else compile_schema(tool.parameters, tool.name)
            )
            self._by_text[key] = CompiledTool(schema, self._build(name, schema))
        return self._by_text[key]
