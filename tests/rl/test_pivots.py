"""Which pivots an update draws."""

from collections import Counter

from tests.rl.toys import make_pivots

from fakes import ScriptedPolicy, make_candidates, make_trajectory
from pivotrl_pipeline.rl.pivots import draw_pivots, make_pivot_state


def draw(
    update_index: int,
    *,
    num_pivots: int = 6,
    easy_turn_rate: float = 0.0,
    seed: int = 0,
) -> list[str]:
    drawn = draw_pivots(
        make_pivots(num_pivots),
        make_pivots(3, wanted="easy"),
        update_index=update_index,
        pivots_per_update=4,
        easy_turn_rate=easy_turn_rate,
        seed=seed,
    )
    return [
        f"{pivot.demonstrated_action.content}:{pivot.candidate_id}" for pivot in drawn
    ]


def test_every_pivot_comes_once_in_each_pass() -> None:
    drawn = [name for update_index in range(3) for name in draw(update_index)]

    assert set(Counter(drawn[:6]).values()) == {1}
    assert set(Counter(drawn[6:]).values()) == {1}
    assert drawn[:6] != drawn[6:]


def test_a_draw_depends_on_seed_and_update_alone() -> None:
    assert draw(7) == draw(7)
    assert draw(7) != draw(7, seed=1)


def test_fewer_pivots_than_an_update_holds_come_again() -> None:
    assert Counter(draw(0, num_pivots=2)) == {"7:trajectory#0": 2, "7:trajectory#1": 2}


def test_a_share_of_easy_turns_is_mixed_in() -> None:
    drawn = draw(0, easy_turn_rate=0.3)

    # 0.3 x 4 = 1.2, rounded down
    assert [name.split(":")[0] for name in drawn] == ["7", "7", "7", "easy"]


def test_a_pivot_state_is_the_history_before_the_demonstrated_action() -> None:
    trajectory = make_trajectory("t", ["Ann", "Bob"])
    candidate = make_candidates(trajectory)[1]

    pivot = make_pivot_state(ScriptedPolicy({}), trajectory, candidate)

    assert pivot.candidate_id == "t#1"
    assert "".join(map(chr, pivot.prompt_ids)) == "Ann\n\nfound Ann\n"
    assert pivot.demonstrated_action.content == "Ann it is."
