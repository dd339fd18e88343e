import pytest

from pivotrl_pipeline.caching.reasons import differences
from pivotrl_pipeline.caching.recipe import Recipe

OLD = Recipe(
    {
        "code": "1",
        "params:selection": "1",
        "input rollouts": "1",
        "package pandas": "3.0",
        "loading of rollouts": "1",
        "binding": "1",
    },
    {"params:selection.threshold": "0.6", "params:selection.kind": '"all"'},
    {"pkg.selection.select": "1", "pkg.selection.LIMIT": "1"},
)


def changed(name: str, value: str, **others: dict[str, str]) -> Recipe:
    return Recipe(
        {**OLD.ingredients, name: value},
        {**OLD.parameters, **others.get("parameters", {})},
        {**OLD.symbols, **others.get("symbols", {})},
    )


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (
            changed(
                "params:selection",
                "2",
                parameters={"params:selection.threshold": "0.5"},
            ),
            "params:selection.threshold 0.6 → 0.5",
        ),
        (
            changed("code", "2", symbols={"pkg.selection.select": "2"}),
            "code changed (selection.select)",
        ),
        (changed("code", "2"), "code changed (what the function captures)"),
        (changed("input rollouts", "2"), "input 'rollouts' changed"),
        (changed("input rollouts", "missing"), "input 'rollouts' is missing"),
        (changed("package pandas", "3.1"), "package pandas 3.0 → 3.1"),
        (
            changed("loading of rollouts", "2"),
            "loading of 'rollouts' is configured otherwise",
        ),
        (changed("binding", "2"), "the node's inputs or outputs are other ones"),
    ],
)
def test_each_ingredient_has_its_words(new: Recipe, reason: str) -> None:
    assert differences(OLD, new, prefix="pkg.") == [reason]


def test_equal_recipes_differ_in_nothing() -> None:
    assert differences(OLD, changed("code", "1")) == []


def test_inputs_that_are_not_known_yet_are_left_out() -> None:
    new = changed("input rollouts", "2")

    assert differences(OLD, new, unknown=["rollouts"]) == []


def test_parameters_are_told_before_code_and_inputs() -> None:
    new = Recipe(
        {
            **OLD.ingredients,
            "code": "2",
            "params:selection": "2",
            "input rollouts": "2",
        },
        {**OLD.parameters, "params:selection.kind": '"some"'},
        {**OLD.symbols, "pkg.selection.LIMIT": "2"},
    )

    assert differences(OLD, new, prefix="pkg.") == [
        'params:selection.kind "all" → "some"',
        "code changed (selection.LIMIT)",
        "input 'rollouts' changed",
    ]
