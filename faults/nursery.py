"""Loads the site once, and forks a server or a command of manage.py from itself whenever asked.

Starting Python and Django anew after each of a thousand kills would take most of the time. What is forked is granian as
`make run` starts it, with one difference: it does not give up when a worker dies twice within seconds.

One JSON an order on stdin, one JSON an answer on stdout.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from granian import cli
from granian.server import common

from scripts import serve


def main() -> None:
    import faults.wsgi  # noqa: F401 sets Django up
    from faults import clock, plants

    clock.install(clock.Hands(Path(os.environ["FAULTS_FOLDER"])))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    print(json.dumps({"ready": os.getpid()}), file=answers)
    servers = set()
    for line in sys.stdin:
        order = json.loads(line)
        _bury()
        child = os.fork()
        if child == 0:
            answers.close()
            _become(order, plants.plant)
        if "command" in order:
            _, status = os.waitpid(child, 0)
            print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), file=answers)
        else:
            servers.add(child)
            print(json.dumps({"pid": child}), file=answers)
    for server in servers:  # whoever asked is gone
        with suppress(ProcessLookupError):
            os.killpg(server, signal.SIGKILL)


def _bury() -> None:
    """Servers that were killed meanwhile."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _become(order: dict[str, Any], plant: Any) -> None:
    code = 1
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if "command" in order:
            code = _command(order["command"], order["act"])
        else:
            plant(order["plant"])
            _serve(order["port"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stderr.flush()
        os._exit(code)


def _command(words: list[str], act: str) -> int:
    from django.core.management import call_command

    from faults import edges

    with edges.acting(act):
        call_command(*words)
    return 0


def _serve(port: int) -> None:
    respawn = common.AbstractServer._respawn_workers

    def patient(self: Any, *args: Any, **kwargs: Any) -> None:
        respawn(self, *args, **kwargs)
        self.respawned_wrks.clear()

    common.AbstractServer._respawn_workers = patient  # type: ignore[method-assign]
    sys.argv = [*serve.commands(port)["the server"][:-1], "faults.wsgi:application"]
    cli.entrypoint()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
