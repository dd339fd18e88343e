"""What Pydantic found wrong, told in the words of the YAML file."""

import pytest
from pydantic import ValidationError

from pivotrl_pipeline.parameters.compare import CompareParameters, MethodParameters
from pivotrl_pipeline.parameters.refusals import describe_refusal


def test_each_line_says_where_what_was_found_and_what_may_stand_there() -> None:
    with pytest.raises(ValidationError) as refused:
        CompareParameters.model_validate({"seeds": "first", "judged_on": "luck"})

    assert describe_refusal(refused.value, "compare").splitlines() == [
        "compare.seeds: found 'first'. Input should be a valid tuple",
        "compare.judged_on: found 'luck'. Input should be 'tasks' or 'turns'",
        "compare.validation_tasks: Field required",
        "compare.fresh_seed: Field required",
        "compare.methods: Field required",
    ]


def test_what_our_own_checks_say_stands_as_it_is() -> None:
    method = {"trainer": "e2e", "turns": "pivots", "settings": {}, "variants": [{}]}

    with pytest.raises(ValidationError) as refused:
        MethodParameters.model_validate(method)

    assert describe_refusal(refused.value, "compare.methods.e2e") == (
        "compare.methods.e2e: A method of the trainer 'e2e' has the turns 'pivots'; "
        "expected None."
    )
