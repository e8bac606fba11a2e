"""The tables of this floor, by what they record."""

from compliance.models.changes import Change, PointTest, PointTestItem, PointTestResult, Task

__all__ = ["Change", "PointTest", "PointTestItem", "PointTestResult", "Task"]
