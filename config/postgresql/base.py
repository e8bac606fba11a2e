"""PostgreSQL without a question beside those of the request.

Django's pool sends an empty statement before it hands a connection out, to learn whether the server is still there: one round
trip more in a request of seven. A server that ends a connection says so, and its word waits to be read, so looking whether
something waits is enough. A connection that has rested is asked all the same: a network between may have forgotten it.
"""

import select
from time import monotonic
from typing import Any

from django.db.backends.postgresql import base
from psycopg import Error
from psycopg_pool import ConnectionPool

RESTED_SECONDS = 15


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: Any) -> Any:
        while True:  # ends with a live one, or with the pool's timeout
            connection = super().get_new_connection(conn_params)
            if not self.pool or is_there(connection):
                return connection
            connection.close()
            self.pool.putconn(connection)  # which makes another in its place

    def _close(self) -> None:
        if self.connection is not None:
            self.connection.used_at = monotonic()
        super()._close()  # type: ignore[misc]


def is_there(connection: Any) -> bool:
    try:
        waiting = select.poll()
        waiting.register(connection.fileno(), select.POLLIN)
        if waiting.poll(0):
            return False
        if monotonic() - getattr(connection, "used_at", monotonic()) > RESTED_SECONDS:
            ConnectionPool.check_connection(connection)
    except Error:
        return False
    return True
