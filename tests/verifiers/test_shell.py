import json
import sys
from typing import Any

import pytest

from pivotrl_pipeline.errors import ConfigurationError, VerifierError
from pivotrl_pipeline.parameters.verifiers import ShellParameters
from pivotrl_pipeline.records.messages import Action, Tool, make_tool_call
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State

pytest.importorskip("bashlex")

from pivotrl_pipeline.verifiers.shell import ShellVerifier

BASH = Tool(
    "execute_bash",
    {
        "type": "function",
        "function": {
            "name": "execute_bash",
            "parameters": {
                "type": "object",
                "properties": {
                    "command": {"type": ["string", "array"]},
                    "timeout": {"type": "integer"},
                    "is_input": {"type": "boolean", "default": False},
                },
                "required": ["command"],
                "additionalProperties": False,
            },
        },
    },
)
STATE = State((), (BASH,))


def _verifier(**settings: Any) -> ShellVerifier:
    return ShellVerifier(
        ShellParameters.model_validate(
            {
                "kind": "shell",
                "tool": "*bash*",
                "argument": "command",
                "directory": "/repo",
                "keeps_directory": False,
                "scoring": "strict",
                "strings": {"kind": "trimmed"},
                "arguments": [
                    {
                        "tool": "*",
                        "argument": "timeout",
                        "comparator": {"kind": "ignore"},
                    }
                ],
                **settings,
            }
        )
    )


def _run(command: Any, **others: Any) -> Action:
    arguments = json.dumps({"command": command, **others})
    return Action(tool_calls=(make_tool_call("execute_bash", arguments),))


def _judge(demonstrated: Any, sampled: Any, **settings: Any) -> Verdict:
    return _verifier(**settings).verify(STATE, _run(demonstrated), _run(sampled))


EQUIVALENT_PAIRS = [
    ("ls", " ls\n"),
    ("ls  -l   src", "ls -l src"),
    ("ls -la", "ls -al"),
    ("ls -la", "ls -l -a"),
    ("ls -a src -l", "ls -la src"),
    ("ls --all", "ls -a"),
    ("ls src", "ls 'src'"),
    ("ls src", 'ls "src"'),
    ("ls src", "ls s'r'c"),
    ("echo a\\ b", "echo 'a b'"),
    ('echo "it\'s"', "echo it\\'s"),
    ("echo $HOME", "echo   $HOME # where"),
    ("rm -rf build", "rm -fr build/"),
    ("rm -rf build", "rm --recursive --force build"),
    ("rm -r -f a b", "rm b a -rf"),
    ("mkdir -p a/b", "mkdir --parents a/b"),
    ("grep -rn 'foo' src", "grep -n -r foo src/"),
    ("grep -e foo -i src", "grep -i -e foo src"),
    ("grep foo src -A 3", "grep -A3 foo src"),
    ("grep --include=*.py -r foo .", "grep -r foo . --include *.py"),
    ("head -5 a.txt", "head -n 5 a.txt"),
    ("head -n5 a.txt", "head --lines=5 a.txt"),
    ("tail -f -n 3 log", "tail -n3 -f log"),
    ("tar -xzf a.tgz", "tar xzf a.tgz"),
    ("tar -xzf a.tgz", "tar -x -z -f a.tgz"),
    ("tar xfz a.tgz", "tar -z -x -f a.tgz"),
    ("sort -k 2 -r a", "sort -rk2 a"),
    ("cut -d , -f 1 a", "cut -f1 -d, a"),
    ("git commit -am 'fix it'", 'git commit -a -m "fix it"'),
    ("git log -3", "git log -n 3"),
    ("pytest -q tests -x", "pytest -x -q tests"),
    ("pip install -q numpy", "pip install numpy --quiet"),
    ("apt-get install -y curl", "apt-get install curl -y"),
    ("curl -s -o f https://x.org", "curl https://x.org -so f"),
    ("cat a.txt | wc -l", "cat   ./a.txt|wc --lines"),
    ("ls > out.txt 2>&1", "ls &> out.txt"),
    ("ls > out.txt", "> out.txt ls"),
    ("ls > out.txt", "ls 1>out.txt"),
    ("sort < in > out", "sort > out < in"),
    ("A=1 B=2 make", "B=2 A=1 make"),
    ("env A=1 make", "A=1 make"),
    ("cd src && make", "cd ./src && make"),
    ("cd src && cd lib && make", "cd src/lib && make"),
    ("cd /repo && make", "make"),
    ("cd src && cat a.py", "cat src/a.py"),
    ("cat a.py", "cat /repo/a.py"),
    ("cd src && sed -n 1,5p a.py", "sed -n 1,5p src/a.py"),
    ("cd src && sed -e s/a/b/ a.py", "sed -e s/a/b/ src/a.py"),
    ("cd src && grep -n foo a.py | head -3", "grep -n foo src/a.py | head -n 3"),
    ("make; make test", "make\nmake test"),
    ("make;", "make"),
    ("make && \\\n  make test", "make && make test"),
    ("for f in *; do echo $f; done", "for f in *\ndo echo $f\ndone"),
    ("if [ -f a ]; then cat a; fi", "if [ -f a ]\nthen\n  cat a\nfi"),
    ("(cd src && make)", "( cd src; make )"),
    ("sudo rm -rf a", "sudo rm -fr a"),
    ("awk -F, '{print $1}' a", "awk -F , '{print $1}' a"),
    ("[[ -f a ]] && cat a", " [[ -f a ]] && cat a "),
    (["bash", "-lc", "ls -la"], "ls -al"),
    (["ls", "-l", "a b"], "ls -l 'a b'"),
]

NEAR_MISSES = [
    ("ls", "ls -a"),
    ("ls src", "ls test"),
    ("ls *.py", "ls '*.py'"),
    ("ls ~", "ls '~'"),
    ("ls {a,b}", "ls '{a,b}'"),
    ("echo $HOME", "echo '$HOME'"),
    ("echo $HOME", "echo \\$HOME"),
    ("echo $HOME", "echo $USER"),
    ("echo $(date)", "echo date"),
    ("echo a b", "echo 'a b'"),
    ("echo -n a", "echo a -n"),
    ("rm -rf build", "rm -r build"),
    ("rm -rf build", "rm -rf ."),
    ("rm -rf build", "rm -rf build /"),
    ("cp a b", "cp b a"),
    ("cp a b/", "cp a b"),
    ("mv a b", "cp a b"),
    ("grep -r foo src", "grep -R foo src"),
    ("grep foo src", "grep -i foo src"),
    ("grep foo src", "grep -v foo src"),
    ("grep -A 3 foo src", "grep -B 3 foo src"),
    ("grep -A 3 foo src", "grep -A 4 foo src"),
    ("grep foo bar", "grep bar foo"),
    ("grep -e foo bar", "grep foo -e bar"),
    ("chmod -R u+x a", "chmod -r u+x a"),
    ("head -5 a.txt", "head -n 6 a.txt"),
    ("head -5 a.txt", "tail -5 a.txt"),
    ("tar -xzf a.tgz", "tar -czf a.tgz"),
    ("tar -xzf a.tgz", "tar -xfz a.tgz"),
    ("sort a | uniq", "uniq a | sort"),
    ("a | b", "b | a"),
    ("a | b", "a |& b"),
    ("a && b", "a || b"),
    ("a && b", "a; b"),
    ("a && b", "b && a"),
    ("a && b", "a"),
    ("a", "a &"),
    ("ls > out.txt", "ls >> out.txt"),
    ("ls > out.txt", "ls > other.txt"),
    ("ls > out.txt 2>&1", "ls 2>&1 > out.txt"),
    ("ls 2> err", "ls > err"),
    ("make", "A=1 make"),
    ("A=1 make", "A=2 make"),
    ("A=1 make", "A=1; make"),
    ("cd src && make", "make"),
    ("cd src && make", "cd lib && make"),
    ("cd src && make", "cd src || make"),
    ("cat src/a.py", "cd src && cat src/a.py"),
    ("cd src", "cd lib"),
    ("cd src && ls", "ls && cd src"),
    ("python -m pytest -q", "python -q -m pytest"),
    ("python a.py -v", "python -v a.py"),
    ("git commit -m a", "git commit -am a"),
    ("git checkout main", "git checkout -b main"),
    ("find . -name a -delete", "find . -delete -name a"),
    ("sed -i s/a/b/ f", "sed s/a/b/ f"),
    ("for f in *; do echo $f; done", "for f in *; do echo f; done"),
    ("if [ -f a ]; then b; fi", "if [ ! -f a ]; then b; fi"),
    ("cat << EOF\na\nEOF", "cat << EOF\nb\nEOF"),
    ("sudo ls", "ls"),
    ("", "ls"),
    ("ls", ""),
    ("ls", "'ls"),
    (["ls", "a b"], "ls a b"),
]


@pytest.mark.parametrize(("demonstrated", "sampled"), EQUIVALENT_PAIRS)
def test_commands_that_do_the_same_pass(demonstrated: Any, sampled: Any) -> None:
    assert _judge(demonstrated, sampled) == Verdict(1.0, VerdictReason.EQUIVALENT)
    assert _judge(sampled, demonstrated).reward == 1.0


@pytest.mark.parametrize(("demonstrated", "sampled"), NEAR_MISSES)
def test_commands_that_do_something_else_fail(demonstrated: Any, sampled: Any) -> None:
    verdict = _judge(demonstrated, sampled)

    assert (verdict.reward, verdict.reason) == (0.0, VerdictReason.COMMAND_MISMATCH)


def test_directory_is_an_effect_where_the_shell_keeps_it() -> None:
    assert (
        _judge("cd src && cat a.py", "cat src/a.py", keeps_directory=True).reward == 0
    )
    assert _judge("cd src; ls", "cd src && ls", keeps_directory=True).reward == 1


def test_other_arguments_follow_their_own_rules() -> None:
    verifier = _verifier()
    demonstrated = _run("ls", timeout=5)

    assert verifier.verify(STATE, demonstrated, _run("ls", timeout=60)).reward == 1.0
    assert verifier.verify(STATE, demonstrated, _run("ls", is_input=True)).reason is (
        VerdictReason.ARGUMENT_MISMATCH
    )
    assert verifier.verify(STATE, demonstrated, Action("ls")).reason is (
        VerdictReason.CALL_EXPECTED
    )


def test_missing_parser_is_told_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "bashlex", None)

    with pytest.raises(ConfigurationError, match=r"python3 install.py shell"):
        _verifier()


def _batch(*keystrokes: str, **others: Any) -> Action:
    commands = [{"keystrokes": each, "duration": 0.1} for each in keystrokes]
    return Action(
        json.dumps({"analysis": "so", "plan": "go", "commands": commands, **others})
    )


@pytest.mark.parametrize(
    ("demonstrated", "sampled"),
    [
        (_batch("ls -la\n"), _batch("ls -al\n")),
        (_batch("cd src\n", "ls\n"), _batch("cd src && ls\n")),
        (_batch("ls\n", task_complete=False), _batch("ls\n")),
        (_batch(task_complete=True), _batch(task_complete=True)),
        (_batch("C-c"), _batch("C-c")),
        (_batch("ls\n"), _batch("ls\n", analysis="because", plan="")),
    ],
)
def test_batches_that_type_the_same_pass(demonstrated: Action, sampled: Action) -> None:
    assert _verifier().verify(STATE, demonstrated, sampled).reward == 1.0


@pytest.mark.parametrize(
    ("demonstrated", "sampled", "reason"),
    [
        (_batch("ls\n"), _batch("ls"), "command_mismatch"),
        (_batch("ls\n"), _batch("ls -a\n"), "command_mismatch"),
        (_batch("ls\n"), _batch(), "command_mismatch"),
        (_batch(), _batch("ls\n"), "command_mismatch"),
        (_batch("cd src\n"), _batch("cd lib\n"), "command_mismatch"),
        (_batch("cd src\n", "ls\n"), _batch("ls\n"), "command_mismatch"),
        # both ways: too early and too late
        (_batch("ls\n"), _batch("ls\n", task_complete=True), "completion_mismatch"),
        (_batch("ls\n", task_complete=True), _batch("ls\n"), "completion_mismatch"),
        (_batch("ls\n"), Action("ls"), "unparseable_action"),
        (_batch("ls\n"), Action(None), "unparseable_action"),
        (_batch("ls\n"), Action("[]"), "unparseable_action"),
        (_batch("ls\n"), Action("true"), "unparseable_action"),
        (_batch("ls\n"), Action("[" * 5000), "unparseable_action"),
        (_batch("ls\n"), _batch("ls\n", extra=1), "unparseable_action"),
        (_batch("ls\n"), _batch("ls\n", plan=None), "unparseable_action"),
        (_batch("ls\n"), _batch("ls\n", task_complete="no"), "unparseable_action"),
        (_batch("ls\n"), _batch("ls\n", commands=["ls\n"]), "unparseable_action"),
        (
            _batch("ls\n"),
            _batch("ls\n", commands=[{"keystrokes": "ls\n", "duration": True}]),
            "unparseable_action",
        ),
        (
            _batch("ls\n"),
            Action(
                json.dumps(
                    {
                        "state_analysis": "",
                        "explanation": "",
                        "commands": [{"keystrokes": "ls\n", "is_blocking": True}],
                    }
                )
            ),
            "unparseable_action",
        ),
    ],
)
def test_batches_that_do_something_else_fail(
    demonstrated: Action, sampled: Action, reason: str
) -> None:
    verdict = _verifier().verify(STATE, demonstrated, sampled)

    assert (verdict.reward, verdict.reason) == (0.0, VerdictReason(reason))


def test_demonstrated_prose_is_an_error_of_the_configuration() -> None:
    with pytest.raises(VerifierError, match="no batch of keystrokes: not one JSON"):
        _verifier().verify(STATE, Action("Hello"), Action("Hello"))
