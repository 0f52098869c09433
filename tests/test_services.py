"""The private servers of the tests: they come back with their data, and none is left behind."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import services
from tests.services import CHECKOUT, Redis, ServiceError, missing, private

# isort: split
# Found since tests.services was imported.
from private_services import containers, processes, programs
from private_services.servers import free_ports

pytestmark = pytest.mark.services


def test_postgres_keeps_what_was_committed_before_it_was_killed() -> None:
    with private("postgres") as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
        url = server.url
        server.kill()
        assert not server.running
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url, connect_timeout=2)
        server.start()
        assert server.url == url
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (1,)
            assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_a_paused_postgres_holds_its_connections_and_answers_nobody() -> None:
    with private("postgres") as server, psycopg.connect(server.url, autocommit=True) as connection:
        server.pause()
        connection.pgconn.send_query(b"SELECT 1")
        time.sleep(0.3)
        connection.pgconn.consume_input()
        assert connection.pgconn.is_busy()
        assert not server.answers
        server.resume()
        result = connection.pgconn.get_result()
        assert result is not None
        assert result.get_value(0, 0) == b"1"
        assert connection.pgconn.get_result() is None


def test_rabbitmq_is_its_own_node_and_takes_its_port_mapper_with_it() -> None:
    with private("rabbitmq") as server:
        assert f"enterprise{server.port}@localhost" in server.ctl("status")
        mapper = server.state.more_ports[1]
        socket.create_connection(("127.0.0.1", mapper), timeout=2).close()
        server.restart()
        assert server.answers
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", mapper), timeout=2)


def test_redis_stops_and_starts_at_the_same_address() -> None:
    with private("redis") as server:
        before = server.url, server.pid
        server.restart()
        assert server.url == before[0]
        assert server.pid != before[1]
        server.stop()
        server.stop()
        assert not server.running
        with pytest.raises(ServiceError):
            server.kill()


def test_a_private_server_is_gone_after_its_test_even_when_paused() -> None:
    with private("redis") as server:
        home, port = server.home, server.port
        server.pause()
    assert not home.exists()
    assert not server.folder.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)


def test_a_command_runs_beside_servers_of_its_own_and_its_code_is_returned(tmp_path: Path) -> None:
    record = "import os; print(os.environ['SERVICES_DIR'], os.environ['TEST_REDIS_PID']); raise SystemExit(7)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TEST_")}
    done = subprocess.run(
        [sys.executable, CHECKOUT / "bin/services", "run", "--", sys.executable, "-c", record],
        check=False,
        env={**environment, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 7, done.stderr
    folder, pid = done.stdout.splitlines()[-1].split()
    assert not Path(folder).exists()
    assert int(pid) not in processes.running()
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_took_over_a_number_is_not_taken_for_the_server() -> None:
    me = processes.running()[os.getpid()]
    assert processes.find(me.pid, me.born) == me
    assert processes.find(me.pid, "another time") is None


def test_both_ways_of_listing_processes_agree_on_this_one() -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("this system has no /proc to compare with")
    by_proc, by_ps = processes._from_proc()[os.getpid()], processes._from_ps()[os.getpid()]
    assert by_proc.parent == by_ps.parent == os.getppid()


def test_ports_are_free_and_differ() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()


def test_without_programs_a_container_engine_does_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, ...]] = []
    status = {"now": ""}
    becomes = {
        "create": "created",
        "start": "running",
        "pause": "paused",
        "unpause": "running",
        "stop": "exited",
    }

    def engine(_engine: str, *arguments: str) -> str:
        calls.append(arguments)
        status["now"] = becomes.get(arguments[0], "" if arguments[0] == "rm" else "exited")
        return ""

    monkeypatch.setattr(programs, "find", lambda _program: None)
    monkeypatch.setattr(programs, "container_engine", lambda: "docker")
    monkeypatch.setattr(containers, "call", engine)
    monkeypatch.setattr(containers, "status", lambda *_: status["now"])
    monkeypatch.setattr(Redis, "answers", property(lambda _self: status["now"] == "running"))
    server = Redis(tmp_path / "redis")
    server.start()
    server.start()
    server.pause()
    server.stop()
    server.start()
    server.kill()
    server.remove()
    name = calls[0][2]
    assert [arguments[0] for arguments in calls] == [
        "create", "start", "pause", "unpause", "stop", "start", "kill", "rm",
    ]  # fmt: skip
    assert f"127.0.0.1:{server_port(calls[0])}:6379" in calls[0]
    assert all(arguments[-1] == name for arguments in calls[1:])
    assert not server.folder.exists()


def server_port(create: tuple[str, ...]) -> int:
    return int(create[create.index("-p") + 1].split(":")[1])


def test_what_is_missing_is_skipped_on_a_laptop_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes: dict[str, Any] = {"": pytest.skip.Exception, "true": pytest.fail.Exception}
    monkeypatch.delenv(services.URL_VARIABLES["rabbitmq"], raising=False)
    for ci, outcome in outcomes.items():
        monkeypatch.setenv("CI", ci)
        with pytest.raises(outcome, match="TEST_AMQP_URL"):
            services.require("rabbitmq")
        with pytest.raises(outcome, match="no browser"):
            missing("no browser")
