"""How to reach a RabbitMQ, and in one sentence why it does not work. No credential is ever part of a message."""

import socket
import ssl
from collections.abc import Iterator

import pika
from pika.exceptions import (
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
    IncompatibleProtocolError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from conversations.identity import shown
from events.sources import Unavailable
from events.sources.address import SETTING, Address

HEARTBEAT_SECONDS = 30


def parameters(address: Address) -> pika.ConnectionParameters:
    """What pika needs to log in. Raises Unavailable when a certificate file of the URL cannot be read."""
    return pika.ConnectionParameters(
        host=address.host,
        port=address.port,
        virtual_host=address.path,
        credentials=pika.PlainCredentials(address.user, address.password),
        ssl_options=_tls(address),
        heartbeat=int(address.options.get("heartbeat", HEARTBEAT_SECONDS)),
        connection_attempts=1,
        socket_timeout=5,
        stack_timeout=15,
        client_properties={"connection_name": "Enterprise event service"},
    )


def _tls(address: Address) -> pika.SSLOptions | None:
    if address.scheme != "amqps":
        return None
    options = address.options
    try:
        context = ssl.create_default_context(cafile=options.get("cacertfile"))
        if options.get("verify") == "verify_none":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if certfile := options.get("certfile"):
            context.load_cert_chain(certfile, options.get("keyfile"))
    except (OSError, ssl.SSLError) as error:
        raise Unavailable(
            f"{SETTING}: a file of cacertfile=, certfile= or keyfile= cannot be used ({_short(error)})"
        ) from error
    return pika.SSLOptions(context, address.host)


def explain(error: BaseException, address: Address) -> str:
    """One sentence for the operator: what happened, and which part of the setting to look at."""
    for cause in _causes(error):
        if sentence := _sentence(cause, address):
            return sentence
    return f"the connection to {address.host}:{address.port} was lost ({_short(error)})"


def _sentence(cause: BaseException, address: Address) -> str:
    where, sentence = f"{address.host}:{address.port}", ""
    match cause:
        case ProbableAuthenticationError() | ConnectionClosedByBroker(reply_code=403):
            sentence = f"{where} refused the login of {address.user!r}: check user and password in {SETTING}"
        case ProbableAccessDeniedError() | ConnectionClosedByBroker(reply_code=530):
            sentence = (
                f"{where} has no virtual host {address.path!r}, or {address.user!r} may not use it: "
                f"check the path in {SETTING}"
            )
        case ChannelClosedByBroker():
            sentence = f"{where} refused: {shown(cause.reply_text)}; check exchange= and queue= in {SETTING}"
        case ConnectionClosedByBroker():
            sentence = f"{where} closed the connection: {shown(cause.reply_text)}"
        case ssl.SSLCertVerificationError():
            sentence = f"the certificate of {where} cannot be verified: check cacertfile= in {SETTING}"
        case ssl.SSLError() | IncompatibleProtocolError():
            sentence = f"{where} does not speak {address.scheme}: check scheme and port in {SETTING}"
        case socket.gaierror():
            sentence = f"the host {address.host!r} is not known: check it in {SETTING}"
        case ConnectionRefusedError():
            sentence = f"nothing listens at {where}: start RabbitMQ, or check host and port in {SETTING}"
        case TimeoutError():
            sentence = f"{where} does not answer: check host and port in {SETTING}, and the network"
    return sentence


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it holds: pika wraps the reason in arguments, attributes and causes."""
    todo, seen = [error], set()
    while todo:
        one = todo.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = [*one.args, *getattr(one, "exceptions", ()), getattr(one, "exception", None), one.__cause__]
        todo += [item for item in inner if isinstance(item, BaseException)]


def _short(error: BaseException) -> str:
    return shown((str(error) or type(error).__name__).splitlines()[0])[:200]
