"""What ``cache.yml`` may say."""

from typing import Any

import pytest

from pivotrl_pipeline.caching.options import CacheOptions, load_cache_options


@pytest.mark.parametrize("content", [{}, {"cache": None}, {"cache": {}}, None])
def test_a_file_that_says_nothing_leaves_the_defaults(content: Any) -> None:
    assert load_cache_options({"cache": content}) == CacheOptions()


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        (
            {"store_gigabytes": "5GB"},
            "cache.store_gigabytes is '5GB'; expected a number",
        ),
        ({"store_gigabytes": True}, "cache.store_gigabytes is True"),
        ({"enabled": "no"}, "cache.enabled is 'no'; expected true or false"),
        ({"path": 7}, "cache.path is 7; expected a folder"),
        ({"count_versions": 1}, "cache.count_versions is 1"),
        ({"granularity": "line"}, "choose from: module, symbol"),
        (["enabled"], r"cache.yml has \['enabled'\] below its key cache"),
        ("off", "cache.yml has 'off' below its key cache"),
    ],
)
def test_options_of_another_kind_are_refused(found: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        load_cache_options({"cache": {"cache": found}})


def test_numbers_may_be_whole_or_not() -> None:
    options = load_cache_options({"cache": {"cache": {"store_gigabytes": 0}}})

    assert options.store_gigabytes == 0
