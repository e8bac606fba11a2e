from typing import Any

from config.postgresql import base
from faults import edges


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(edges.around_statement)

    def _commit(self) -> None:
        edges.reached("before")
        super()._commit()  # type: ignore[misc]
        edges.reached("after")
