"""A PostgreSQL server of the test's own, on the loopback, with a password, gone afterwards."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path

import pytest


@contextmanager
def server() -> Iterator[str]:
    """Start a server; gives its address for SQLAlchemy."""
    folders = sorted(glob("/usr/lib/postgresql/*/bin")) or [
        str(Path(found).parent) for found in [shutil.which("initdb")] if found
    ]
    if not folders:
        pytest.fail(
            "this test starts a PostgreSQL server: install it, apt-get install postgresql (.ci/run does)"
        )
    place = Path(tempfile.mkdtemp(prefix="vade-postgres-"))
    owner: dict[str, object] = {"cwd": place}
    if os.getuid() == 0:  # the server refuses to be root
        user = next(u for name in ("postgres", "nobody") for u in pwd.getpwall() if u.pw_name == name)
        os.chown(place, user.pw_uid, user.pw_gid)
        owner |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    password = secrets.token_hex(8)
    (place / "password").write_text(password)
    (place / "password").chmod(0o644)
    run = {"check": True, "capture_output": True, "timeout": 120, **owner}
    subprocess.run(
        [f"{folders[-1]}/initdb", "-D", str(place / "data"), "-U", "ada", "--auth=scram-sha-256", "-N",
         f"--pwfile={place / 'password'}"], **run,
    )  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (place / "log").open("wb")
    process = subprocess.Popen(
        [f"{folders[-1]}/postgres", "-D", str(place / "data"), "-p", str(port), "-c", "listen_addresses=127.0.0.1",
         "-c", "unix_socket_directories=", "-c", "fsync=off"],
        stdout=log, stderr=log, **owner,
    )  # fmt: skip
    try:
        give_up = time.monotonic() + 60
        while not _answers(port):
            assert process.poll() is None, (place / "log").read_text()
            assert time.monotonic() < give_up, (place / "log").read_text()
            time.sleep(0.1)
        yield f"postgresql://ada:{password}@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)  # at once, without waiting for clients
        process.wait(60)
        log.close()
        shutil.rmtree(place, ignore_errors=True)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
