"""All roles in one process: gunicorn with one worker, whose background threads migrate and read events.

The threads start inside the worker: the arbiter forks, and a process that forks must have no threads.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from enterprise import schema, sign_in
from enterprise.models import User

log = logging.getLogger(__name__)

ROLES = ("migrate", "events", "web")
THREADS = 8  # requests at a time; more wait
STOP_SECONDS = 30  # a batch and the requests under way have this long
RETRY_SECONDS = 2.0
TAKE_OVER_SECONDS = 30.0
LATER_LINK_HOURS = 1.0  # of the link printed when somebody has signed in before

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass
class Plan:
    """What one `serve` does. `address` is what people type; `say` prints a line for them."""

    roles: frozenset[str]
    address: str
    with_demo: bool
    say: Callable[[str], None]
    stop: threading.Event = field(default_factory=threading.Event)


def listen(host: str, port: int) -> socket.socket:
    """A socket that is ours alone. Raises OSError when the port is taken or not allowed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port whose last connections linger is free; one that somebody listens on is not.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener


class Worker(ThreadWorker):
    """Told to end in any way, it ends in good order: requests are answered, the batch is finished."""

    def handle_exit(self, sig: Any, frame: Any) -> None:
        """SIGTERM."""
        self.app.plan.stop.set()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: Any, frame: Any) -> None:
        """Ctrl-C reaches every process of the terminal, and the arbiter passes it on once more."""
        self.handle_exit(sig, frame)


class Server(BaseApplication):
    """gunicorn, set up from here and not from its own files and options."""

    def __init__(self, plan: Plan, listener: socket.socket) -> None:
        self.plan = plan
        self._descriptor = listener.detach()  # gunicorn closes it
        self._threads: list[threading.Thread] = []
        super().__init__()

    def load_config(self) -> None:
        """One worker that outlives slow machines; nothing of ours in anybody's home."""
        for name, value in {
            "bind": f"fd://{self._descriptor}",
            "workers": 1,
            "worker_class": "enterprise.serve.Worker",
            "threads": THREADS,
            "timeout": 120,
            "graceful_timeout": STOP_SECONDS,
            "loglevel": "warning",
            "control_socket_disable": True,
            "proc_name": "enterprise",
            "post_worker_init": self._begin,
            "worker_exit": self._end,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Application:
        """The whole site, or for roles without pages just what probes ask."""
        from enterprise.wsgi import application  # noqa: PLC0415 - in the worker, after the fork

        return application if "web" in self.plan.roles else only_health(application)

    def _begin(self, _worker: Any) -> None:
        self._start(background, self.plan, self._start)

    def _start(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=_closing, args=(work, *arguments), name=work.__name__)
        self._threads.append(thread)
        thread.start()

    def _end(self, _server: Any, _worker: Any) -> None:
        self.plan.stop.set()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def _closing(work: Callable[..., None], *arguments: Any) -> None:
    try:
        work(*arguments)
    except Exception:
        log.exception("%s stumbled", work.__name__)
    finally:
        connections.close_all()


def only_health(application: Application) -> Application:
    """Answers /api/health and /api/version; everything else is not here."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").rstrip("/") not in ("/api/health", "/api/version"):
            environ = {**environ, "PATH_INFO": "/api/not-in-this-role"}
        return application(environ, start_response)

    return answer


def background(plan: Plan, start: Callable[..., None]) -> None:
    """What happens beside answering requests, in order; ends when all is started or `plan.stop` is set."""
    if "migrate" in plan.roles:
        migrate(plan)
    if not schema.wait_until_ready(plan.stop, plan.say):
        return
    if "events" in plan.roles:
        start(events, plan)
        if plan.with_demo:
            start(_patiently, plan, demo)
    if "web" in plan.roles:
        _patiently(plan, announce)


def migrate(plan: Plan) -> None:
    """Bring the schema to this version, however long the database takes to answer. A mistake is said, not raised."""
    told = ""
    while not plan.stop.is_set():
        try:
            call_command("migrate", verbosity=0)
            return
        except CommandError as error:  # says what to do; another process may be doing it
            problem = str(error)
        except Exception as error:
            log.exception("the migration failed")
            problem = f"The migration failed: {schema.first_line(error)} Trying again."
        finally:
            connections.close_all()
        if problem != told:
            plan.say(told := problem)
        if plan.stop.wait(RETRY_SECONDS) or _is_newer():
            return


def _is_newer() -> bool:
    try:
        return schema.progress().is_newer
    except Exception:
        return False


def _patiently(plan: Plan, work: Callable[[Plan], None]) -> None:
    """Do it, again and again while the database does not answer."""
    while not plan.stop.is_set():
        try:
            work(plan)
            return
        except DatabaseError as error:
            log.warning("%s waits for the database: %s", work.__name__, schema.first_line(error))
            connections.close_all()
            plan.stop.wait(RETRY_SECONDS)


def announce(plan: Plan) -> None:
    """Print where it is, how to come in, and how a Rasa connects. The password of the first admin is said once."""
    first = sign_in.ensure_first_admin()
    if first and not settings.ADMIN_PASSWORD:
        # At once: whatever fails after this, somebody has heard it.
        plan.say(f"\n  Admin       {first[0]}\n  Password    {first[1]}   (said only now)")
    admin = (
        first[0]
        if first
        else User.objects.filter(role=User.Role.ADMIN, is_active=True).order_by("pk").first()
    )
    lines = ["", f"Enterprise answers at {plan.address}", ""]
    if first and settings.ADMIN_PASSWORD:
        lines.append(f"  Admin       {first[0]}, password as in ADMIN_PASSWORD")
    if admin:
        secret = sign_in.make_link(admin, hours=sign_in.LINK_HOURS if first else LATER_LINK_HOURS)
        lines.append(f"  Sign in     {plan.address}{sign_in.link_path(secret)}   (works once)")
    lines += [
        "",
        "Events of a Rasa on this machine appear when its endpoints.yml says:",
        "",
        "  event_broker:",
        "    type: sql",
        "    dialect: sqlite",
        f"    db: {settings.EMBEDDED_EVENTS_DB}",
        "",
        "The page Connect knows the other ways. Ctrl-C stops.",
        "",
    ]
    plan.say("\n".join(lines))


def events(plan: Plan) -> None:
    """The event service, until told to stop."""
    from events import service  # noqa: PLC0415 - only for the role that needs it

    service.run(service.default_urls(), plan.stop)


def demo(plan: Plan) -> None:
    """Fill an empty database with the demo conversations, or go on where a kill stopped it."""
    from events.demo import load  # noqa: PLC0415

    while not plan.stop.is_set() and load.is_wanted():
        load.load(plan.stop)
        # Where another process loads: take over should it die.
        plan.stop.wait(TAKE_OVER_SECONDS)


def address_of(listener: socket.socket, host: str) -> str:
    """What a person types into the browser."""
    port = listener.getsockname()[1]
    if host in ("", "0.0.0.0", "::", "127.0.0.1", "::1"):  # noqa: S104 - compared, not bound
        host = "localhost"
    scheme = "https" if settings.HTTPS else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def say(text: str) -> None:
    """Print for people, at once, also into a pipe."""
    os.write(1, (text + "\n").encode())
