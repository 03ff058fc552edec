"""`legacy-bridge run CONFIG`: the daemon, in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from bridge.cli import TRACEBACK, arguments, bug
from bridge.errors import BridgeError
from bridge.lean import leave_out_rich
from bridge.spawner import WORKER, Spawner


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = "Run the daemon in the foreground. SIGTERM drains and stops, SIGHUP reloads."
    arguments.config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 after a clean stop, 3 when the configuration is wrong; 1 otherwise, and trying again may help."""
    signal.signal(signal.SIGHUP, lambda *_: None)  # the file to be read again has not been read yet
    try:
        return daemon(args.config)
    except BridgeError:
        raise
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        raise BridgeError(bug(error)) from error


def daemon(path: Path, worker: Sequence[str] = WORKER) -> int:
    """The daemon of one configuration file; `worker` is the command that starts a worker."""
    return asyncio.run(_serve(path, Spawner(worker)))


async def _serve(path: Path, spawner: Spawner) -> int:
    await spawner.start_ahead()
    try:
        return await _supervise(path, spawner)
    finally:
        await spawner.close()


async def _supervise(path: Path, spawner: Spawner) -> int:
    leave_out_rich()
    from bridge import api, config, logs
    from bridge.contract import Secret
    from bridge.redact import Redactor
    from bridge.supervisor import Supervisor

    settings = config.load(path)
    secrets = [value for value in settings.kafka.values() if isinstance(value, Secret)]
    logs.configure(settings.daemon.log.format, settings.daemon.log.level, Redactor(secrets))
    supervisor = Supervisor(path, settings, spawner)
    async with api.serving(supervisor, settings.daemon):
        return await supervisor.run()
