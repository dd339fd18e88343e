"""From parameters to verifiers: the one place where a ``kind`` becomes an object."""

from collections.abc import Mapping

from pivotrl_pipeline.parameters.verifiers import (
    AllOfParameters,
    AnyOfParameters,
    AnyVerifierParameters,
    ByActionTypeParameters,
    ByDomainParameters,
    CodeEditParameters,
    ExactMatchParameters,
    ImportedParameters,
    LLMJudgeParameters,
    MessageParameters,
    NemoGymParameters,
    ReplayParameters,
    ShellParameters,
    SQLParameters,
    ToolCallParameters,
)
from pivotrl_pipeline.records.messages import ActionType
from pivotrl_pipeline.verifiers.base import Verifier
from pivotrl_pipeline.verifiers.code_edit import CodeEditVerifier
from pivotrl_pipeline.verifiers.composition import (
    ByActionTypeVerifier,
    ByDomainVerifier,
    ExtremeOfVerifier,
)
from pivotrl_pipeline.verifiers.exact_match import ExactMatchVerifier
from pivotrl_pipeline.verifiers.imported import load_verifier
from pivotrl_pipeline.verifiers.judging import GuardedVerifier
from pivotrl_pipeline.verifiers.message import MessageVerifier
from pivotrl_pipeline.verifiers.nemo_gym import NemoGymVerifier
from pivotrl_pipeline.verifiers.shell import ShellVerifier
from pivotrl_pipeline.verifiers.tool_call import ToolCallVerifier


def build_verifier(parameters: AnyVerifierParameters) -> Verifier:
    """The verifier, behind the guard that refuses what is no action.

    Raises:
        ConfigurationError: If an import path, a key or an extra package is missing.
    """
    return GuardedVerifier(_build(parameters))


def build_verifiers(
    parameters: Mapping[str, AnyVerifierParameters],
) -> dict[str, Verifier]:
    """One verifier by name, as in the parameters of `variance_computation`."""
    return {name: build_verifier(each) for name, each in parameters.items()}


def _build(parameters: AnyVerifierParameters) -> Verifier:
    match parameters:
        case ExactMatchParameters():
            return ExactMatchVerifier(parameters)
        case ToolCallParameters():
            return ToolCallVerifier(parameters)
        case MessageParameters():
            return MessageVerifier(parameters)
        case ShellParameters():
            return ShellVerifier(parameters)
        case CodeEditParameters():
            return CodeEditVerifier(parameters)
        case NemoGymParameters():
            return NemoGymVerifier(parameters)
        case ImportedParameters():
            return load_verifier(parameters.path, parameters.arguments)
        case ReplayParameters() | SQLParameters() | LLMJudgeParameters():
            return _build_with_a_world(parameters)
        case _:
            return _combine(parameters)


def _build_with_a_world(
    parameters: ReplayParameters | SQLParameters | LLMJudgeParameters,
) -> Verifier:
    # Imported where they are asked for: environments, SQLite and an HTTP client would
    # otherwise cost every command that reads the registry.
    match parameters:
        case ReplayParameters():
            from pivotrl_pipeline.environments.registry import open_from_metadata
            from pivotrl_pipeline.verifiers.replay import ReplayVerifier

            return ReplayVerifier(parameters, open_from_metadata)
        case SQLParameters():
            from pivotrl_pipeline.verifiers.sql import SQLVerifier

            return SQLVerifier(parameters)
        case LLMJudgeParameters():
            from pivotrl_pipeline.verifiers.llm_judge import LLMJudgeVerifier

            return LLMJudgeVerifier(parameters)


def _combine(
    parameters: (
        ByActionTypeParameters | ByDomainParameters | AllOfParameters | AnyOfParameters
    ),
) -> Verifier:
    match parameters:
        case ByActionTypeParameters():
            return ByActionTypeVerifier(
                {
                    ActionType.TOOL_CALL: _build(parameters.tool_call),
                    ActionType.MESSAGE: _build(parameters.message),
                }
            )
        case ByDomainParameters():
            return ByDomainVerifier(
                {name: _build(each) for name, each in parameters.domains.items()}
            )
        case AllOfParameters(verifiers=verifiers):
            return ExtremeOfVerifier(list(map(_build, verifiers)), decisive=0.0)
        case AnyOfParameters(verifiers=verifiers):
            return ExtremeOfVerifier(list(map(_build, verifiers)), decisive=1.0)
