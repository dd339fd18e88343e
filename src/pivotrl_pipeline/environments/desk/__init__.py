"""The order desk: customers, items and orders behind tools."""

from pivotrl_pipeline.environments.desk.environment import OrderDesk

__all__ = ["OrderDesk"]
