"""What every Kedro process imports, so that forked ones need not.

Nothing of a project and nothing of ``pivotrl_pipeline`` is among it.
"""

import filelock  # noqa: F401
import kedro.framework.cli.cli
import kedro.framework.cli.project
import kedro.framework.session
import kedro.io.data_catalog
import kedro.validation.parameter_validator  # noqa: F401
import kedro_datasets.json
import kedro_datasets.text
import kedro_viz.integrations.kedro.hooks
import kedro_viz.integrations.kedro.run_hooks
import kedro_viz.launchers.cli.main  # noqa: F401
import pandas as pd  # noqa: F401
import pydantic  # noqa: F401

kedro_datasets.json.JSONDataset  # noqa: B018 (these packages load lazily)
kedro_datasets.text.TextDataset  # noqa: B018
