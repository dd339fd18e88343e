"""Unrelated skills: the out-of-domain suite."""

from pivotrl_pipeline.environments.skills.items import (
    SkillItem,
    make_skill_items,
    score_skill_answer,
    skill_families,
)

__all__ = ["SkillItem", "make_skill_items", "score_skill_answer", "skill_families"]
