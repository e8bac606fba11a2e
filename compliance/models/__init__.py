"""The tables of this floor, by what they record."""

from compliance.models.changes import Change, PointTest, PointTestItem, PointTestResult, Task
from compliance.models.heads import HeadAddress

__all__ = ["Change", "HeadAddress", "PointTest", "PointTestItem", "PointTestResult", "Task"]
