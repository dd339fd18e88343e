"""End-to-end RL: on-policy, multi-turn GRPO on whole episodes.

Try each of a few training tasks several times in its environment, from the first turn
to the last, compare the outcomes of each task, take a gradient step, and begin again.
Success is all that is rewarded, and every turn of an episode gets the episode's
advantage. This is what updates on pivots are compared with: it costs an episode's turns
where they cost one.

Left out on purpose: rewards on the way, replay of older episodes, tasks drawn by how
often they succeed, sampling again until a batch is informative.
"""

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.e2e import E2EParameters
from pivotrl_pipeline.policies.base import SamplingSettings
from pivotrl_pipeline.rl.checkpointing import CheckpointFolder, Progress
from pivotrl_pipeline.rl.episode_tasks import EpisodeTasks
from pivotrl_pipeline.rl.metrics import (
    LearningReport,
    Measurement,
    MetricsRow,
    UpdateRollouts,
    UpdateTotals,
    describe_update,
)
from pivotrl_pipeline.rl.pivots import take_in_passes
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.rl.training_loop import (
    Schedule,
    TrainablePolicy,
    open_checkpoints,
    run_updates,
)
from pivotrl_pipeline.sampling.episodes import (
    EpisodeOutcome,
    ValidationTasks,
    measure_success,
    run_episodes,
)
from pivotrl_pipeline.sampling.seeds import derive_seed

if TYPE_CHECKING:
    from pivotrl_pipeline.rl.learner import Learner


def train_end_to_end(
    policy: TrainablePolicy,
    training: EpisodeTasks,
    parameters: E2EParameters,
    *,
    source_location: str,
    validation_tasks: ValidationTasks | None = None,
    checkpoints: CheckpointFolder | None = None,
) -> TrainedPolicy:
    """Trains ``policy.model`` in place; gives the weights that ``keep`` asks for.

    A function of its arguments: on one CPU the same arguments give the same bits,
    however often training was killed and went on from ``checkpoints``. A
    checkpoint of other arguments, or of other code, is ignored. The last one stays,
    so finished training is not done again.

    Args:
        policy: The initial policy; after the call its model holds the last weights.
        training: The tasks that are tried, and their world.
        parameters: All settings.
        source_location: Where the policy was loaded from.
        validation_tasks: Tried greedily; their success says which weights are best.
        checkpoints: Its fingerprint tells the code; None keeps none.

    Raises:
        ConfigurationError: If there are no tasks, or no validation tasks though the
            best weights are to be kept, or no episode of an update can begin.
        PolicyError: If sampling fails or the gradient is not finite.
    """
    from pivotrl_pipeline.rl.learner import Learner

    _check_tasks(training, validation_tasks, parameters)
    checkpoints = open_checkpoints(
        checkpoints,
        (training.tasks, type(training.environment), parameters, source_location),
        policy,
        validation_tasks,
    )
    learner = Learner(policy.model, parameters)
    return run_updates(
        _EpisodeUpdates(policy, training, parameters, learner, validation_tasks),
        learner,
        Schedule(
            parameters.num_updates,
            parameters.validation_every,
            parameters.checkpoint_every,
            keeps_best=parameters.keep == "best",
        ),
        source_location=source_location,
        checkpoints=checkpoints,
    )


@dataclass(frozen=True, slots=True)
class _EpisodeUpdates:
    """What an update on episodes is."""

    policy: TrainablePolicy
    training: EpisodeTasks
    parameters: E2EParameters
    learner: "Learner"
    validation_tasks: ValidationTasks | None

    def sample(self, progress: Progress) -> list[tuple[EpisodeOutcome, ...]]:
        """The episodes of each of the update's tasks; all advance together."""
        parameters, update_index = self.parameters, progress.num_updates
        count = parameters.tasks_per_update
        tasks = take_in_passes(
            self.training.tasks, update_index * count, count, parameters.seed, "tasks"
        )
        episodes = run_episodes(
            self.policy,
            self.training.environment,
            [task for task in tasks for _ in range(parameters.group_size)],
            SamplingSettings(
                parameters.temperature, parameters.top_p, parameters.max_new_tokens
            ),
            max_prompt_tokens=parameters.max_prompt_tokens,
            seed=derive_seed(parameters.seed, "episodes", update_index),
            keep_turns=True,
            has_progress_bar=False,
        )
        if not any(episode.turns for episode in episodes):
            raise ConfigurationError(
                f"None of update {update_index}'s {len(episodes)} episodes could "
                f"begin: their first prompts are longer than e2e.max_prompt_tokens "
                f"({parameters.max_prompt_tokens}); raise it."
            )
        size = parameters.group_size
        starts = range(0, len(episodes), size)
        return [tuple(episodes[start : start + size]) for start in starts]

    def learn(
        self, rollouts: list[tuple[EpisodeOutcome, ...]], update_index: int
    ) -> LearningReport:
        """One update of the weights."""
        from pivotrl_pipeline.rl.episode_batches import make_episode_batch

        batch = make_episode_batch(
            rollouts,
            self.parameters.objective_parameters,
            max_new_tokens=self.parameters.max_new_tokens,
        )
        return self.learner.learn_batch(batch, update_index)

    def measure(self) -> Measurement:
        """On validation tasks."""
        tasks = self.validation_tasks
        success = None if tasks is None else measure_success(self.policy, tasks)
        return Measurement(validation_success=success)

    def count_turns(self, rollouts: list[tuple[EpisodeOutcome, ...]]) -> int:
        """Assistant turns of all episodes."""
        return sum(episode.num_turns for group in rollouts for episode in group)

    def describe(
        self,
        rollouts: list[tuple[EpisodeOutcome, ...]],
        report: LearningReport,
        totals: UpdateTotals,
    ) -> MetricsRow:
        """The row of `training_metrics`; rewards are per episode."""
        episodes = [episode for group in rollouts for episode in group]
        sampled = UpdateRollouts(
            actions=[turn for episode in episodes for turn in episode.turns],
            rewards=[float(episode.success) for episode in episodes],
            mean_turns=statistics.fmean(episode.num_turns for episode in episodes),
        )
        return describe_update(sampled, report, totals)


def _check_tasks(
    training: EpisodeTasks,
    validation_tasks: ValidationTasks | None,
    parameters: E2EParameters,
) -> None:
    if not training.tasks:
        raise ConfigurationError("e2e has no tasks to train on; give at least one.")
    if parameters.keep == "best" and validation_tasks is None:
        raise ConfigurationError(
            "e2e.keep is 'best', but there are no validation tasks to measure success "
            "on; give some, or set keep to 'last'."
        )
