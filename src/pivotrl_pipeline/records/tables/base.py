"""What all tables have in common."""

import pandera.pandas as pa

SLUG = r"^[a-z][a-z0-9_]*$"
"""How a reason is spelt."""


class Table(pa.DataFrameModel):
    """A table of named, typed and described columns."""

    class Config:
        """No column more and no column less."""

        strict = True
