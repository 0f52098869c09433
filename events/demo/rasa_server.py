"""Train the demo assistant and run it on a real Rasa server, for the recording and for end-to-end tests.

Standard library only and no newer than Python 3.8, because the recording runs inside Rasa's own environment.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

ASSISTANT = Path(__file__).resolve().parent / "assistant"

# Silence and determinism for every Rasa process: no telemetry, no progress bars, no TensorFlow chatter.
QUIET = {
    "RASA_TELEMETRY_ENABLED": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "SANIC_ACCESS_LOG": "false",
    "PYTHONWARNINGS": "ignore",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "PYTHONUNBUFFERED": "1",
    "CUDA_VISIBLE_DEVICES": "",
}


class RasaError(RuntimeError):
    """Rasa did not train, start or answer; the message ends with the last lines of its log."""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def project_files(project: Path) -> list[Path]:
    """The files that make the assistant what it is, sorted; caches and models left out."""
    kept = {".yml", ".py"}
    return sorted(path for path in project.rglob("*") if path.suffix in kept and ".rasa" not in path.parts)


def trained_model(
    env_bin: Path,
    fast: bool = True,
    *,
    project: Path = ASSISTANT,
    session_minutes: float | None = None,
    timeout: float = 1800.0,
) -> Path:
    """The path of a trained model, trained only if the same content was not trained before in this environment.

    `fast` takes config.fast.yml (no neural networks, under a minute). `session_minutes` replaces the
    assistant's session expiration time. Raises RasaError when training fails or takes over `timeout` seconds.
    """
    env_bin = Path(env_bin)
    config = "config.fast.yml" if fast else "config.yml"
    digest = hashlib.sha256(f"{config} {session_minutes}".encode())
    for path in project_files(project):
        digest.update(str(path.relative_to(project)).encode() + b"\0" + path.read_bytes() + b"\0")
    models = env_bin.parent / "models"
    models.mkdir(exist_ok=True)
    model = models / f"{'fast' if fast else 'full'}-{digest.hexdigest()[:16]}.tar.gz"
    with model.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not model.exists():
            _train(env_bin, project, config, model, session_minutes=session_minutes, timeout=timeout)
    return model


def _train(
    env_bin: Path, project: Path, config: str, model: Path, *, session_minutes: float | None, timeout: float
) -> None:
    with tempfile.TemporaryDirectory(prefix="rasa-train-") as scratch:
        copy = Path(scratch) / "project"
        shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".rasa", "models", "__pycache__"))
        if session_minutes is not None:
            session = copy / "domain" / "session.yml"
            text = re.sub(r"(session_expiration_time:).*", rf"\1 {session_minutes}", session.read_text())
            session.write_text(text)
        command = [str(env_bin / "rasa"), "train", "-d", "domain", "-c", config]
        command += ["--fixed-model-name", "model", "--out", scratch]
        log = Path(scratch) / "train.log"
        with log.open("wb") as out:
            try:
                done = subprocess.run(  # noqa: S603 - our own command
                    command,
                    cwd=copy,
                    env={**os.environ, **QUIET},
                    stdout=out,
                    stderr=out,
                    timeout=timeout,
                    check=False,
                )
            except subprocess.TimeoutExpired as late:
                raise RasaError(f"training took more than {timeout:.0f} s") from late
        trained = Path(scratch) / "model.tar.gz"
        if done.returncode or not trained.exists():
            raise RasaError(f"rasa train failed ({done.returncode}):\n{_tail(log)}")
        # Moved under its final name in one step, so that a reader never sees half a model.
        partial = model.with_suffix(".part")
        shutil.copy(trained, partial)
        partial.replace(model)


def _tail(log: Path, lines: int = 25) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


class RasaServer:
    """A context manager: a Rasa server with its action server on loopback, stopped when the block ends.

    `endpoints_yaml` is the text of endpoints.yml (event broker, tracker store); the action endpoint is added.
    `cwd` is the folder of its files and logs (relative broker paths land there). `environment` becomes
    RASA_ENVIRONMENT, which Rasa's broker publishes as `app_id`. Port 0 takes a free one.
    Raises RasaError when the server is not healthy within `start_timeout` seconds.
    """

    def __init__(
        self,
        env_bin: Path,
        model: Path,
        endpoints_yaml: str = "",
        port: int = 0,
        cwd: Path | None = None,
        *,
        project: Path = ASSISTANT,
        environment: str | None = None,
        start_timeout: float = 180.0,
    ) -> None:
        self.env_bin = Path(env_bin)
        self.model = Path(model)
        self.endpoints_yaml = endpoints_yaml
        self.port = port or free_port()
        self.cwd = Path(cwd) if cwd is not None else Path(tempfile.mkdtemp(prefix="rasa-run-"))
        self.project = project
        self.environment = environment
        self.start_timeout = start_timeout
        self._own_cwd = cwd is None
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.cwd / "rasa.log"

    def __enter__(self) -> RasaServer:  # noqa: PYI034 - Self is younger than Python 3.8
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start both processes and return when Rasa has loaded its model."""
        self.cwd.mkdir(parents=True, exist_ok=True)
        actions_port = free_port()
        shutil.copy(self.project / "actions.py", self.cwd / "actions.py")
        endpoints = self.endpoints_yaml.rstrip() + "\n"
        if "action_endpoint:" not in endpoints:
            endpoints += f"action_endpoint:\n  url: http://127.0.0.1:{actions_port}/webhook\n"
        (self.cwd / "endpoints.yml").write_text(endpoints)
        (self.cwd / "credentials.yml").write_text("rest:\n")
        python = str(self.env_bin / "python")
        self._spawn(
            [python, "-m", "rasa_sdk", "--actions", "actions", "--port", str(actions_port)], "actions.log"
        )
        self._spawn(
            [
                *(python, "-m", "rasa", "run", "--enable-api", "-i", "127.0.0.1", "-p", str(self.port)),
                *("-m", str(self.model), "--endpoints", "endpoints.yml", "--credentials", "credentials.yml"),
            ],
            "rasa.log",
        )
        self._wait(f"{self.url}/status", "rasa.log")
        self._wait(f"http://127.0.0.1:{actions_port}/health", "actions.log")

    def stop(self) -> None:
        """Stop both processes, kindly first; safe to call twice."""
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._processes.clear()
        if self._own_cwd:
            shutil.rmtree(self.cwd, ignore_errors=True)

    def say(
        self,
        sender: str,
        text: str,
        channel: str = "webchat",
        metadata: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Send one message as `sender` and return the bot's answers (empty when it is paused or failed)."""
        message: dict[str, Any] = {"sender": sender, "message": text, "input_channel": channel}
        if metadata is not None:
            message["metadata"] = metadata
        answers: list[dict[str, Any]] = self.post("/webhooks/rest/webhook", message)
        return answers

    def post(self, path: str, body: Any, timeout: float = 60.0) -> Any:
        """POST JSON to Rasa's HTTP API and return the decoded answer."""
        return post_json(self.url + path, body, timeout)

    def _spawn(self, command: list[str], log: str) -> None:
        env = {**os.environ, **QUIET}
        env.pop("RASA_ENVIRONMENT", None)
        if self.environment is not None:
            env["RASA_ENVIRONMENT"] = self.environment
        with (self.cwd / log).open("wb") as out:
            self._processes.append(
                # A group of its own, so that stopping takes Rasa's children too.
                subprocess.Popen(  # noqa: S603 - our own command
                    command,
                    cwd=self.cwd,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )
            )

    def _wait(self, url: str, log: str) -> None:
        deadline = time.monotonic() + self.start_timeout
        while time.monotonic() < deadline:
            for process in self._processes:
                if process.poll() is not None:
                    raise RasaError(
                        f"a Rasa process ended early ({process.returncode}):\n{_tail(self.cwd / log)}"
                    )
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.2)
        raise RasaError(f"{url} did not answer within {self.start_timeout:.0f} s:\n{_tail(self.cwd / log)}")


def post_json(url: str, body: Any, timeout: float = 60.0) -> Any:
    """POST `body` as JSON, return the decoded answer (None when it is empty)."""
    request = urllib.request.Request(  # noqa: S310 - the caller's own Rasa
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
        text = answer.read().decode()
    return json.loads(text) if text else None
