"""What a run tells while it goes on."""

from .decisions import Decision


class Progress:
    """Told of every node as it starts and ends; a sink for the report."""

    def decided(self, decision: Decision) -> None:
        """The node is decided; a skipped one is thereby done."""

    def started(self, decision: Decision) -> None:
        """The node starts to run."""

    def finished(self, decision: Decision, seconds: float) -> None:
        """The node has run."""
