"""`amqps://` with a certificate authority of one's own, on a real RabbitMQ."""

import datetime
import ipaddress
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from events.sources import Unavailable, from_url
from events.sources.rabbitmq import RabbitMQSource
from tests.services import RabbitMQ, private

Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def certificate(name: str, authority: Pair | None = None) -> Pair:
    """A certificate for 127.0.0.1, signed by `authority` or, as an authority, by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    issuer, issuer_key = (authority[0].subject, authority[1]) if authority else (subject, key)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )
    return built, key


def write(folder: Path, name: str, pair: Pair) -> tuple[Path, Path]:
    """PEM files of certificate and key, which RabbitMQ's account may read."""
    found, key = folder / f"{name}.pem", folder / f"{name}.key"
    found.write_bytes(pair[0].public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        pair[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return found, key


@pytest.fixture(scope="module")
def broker() -> Iterator[RabbitMQ]:
    """Its second port, from here on, speaks TLS only and asks for a client's certificate."""
    with private("rabbitmq") as server:
        if server.state.engine:
            pytest.skip("RabbitMQ runs in a container here: no certificates for it")
        authority = certificate("authority")
        write(server.home, "authority", authority)
        found, key = write(server.home, "server", certificate("server", authority))
        write(server.home, "client", certificate("client", authority))
        settings = server.home / "rabbitmq.conf"
        lines = settings.read_text().splitlines()
        lines = [line for line in lines if not line.startswith("listeners.tcp")]
        lines += [
            "listeners.tcp = none",
            f"listeners.ssl.1 = 127.0.0.1:{server.port}",
            f"ssl_options.cacertfile = {server.home}/authority.pem",
            f"ssl_options.certfile = {found}",
            f"ssl_options.keyfile = {key}",
            "ssl_options.verify = verify_peer",
            "ssl_options.fail_if_no_peer_cert = true",
        ]
        server.stop()
        settings.write_text("\n".join(lines) + "\n")
        # It answers in TLS now, which the test's own "is it there" does not speak.
        server._launch(server.state)
        yield server


def url(broker: RabbitMQ, **files: str) -> str:
    good = urlsplit(broker.url)._replace(scheme="amqps").geturl()
    options = "&".join(f"{name}={quote(str(broker.home / file))}" for name, file in files.items())
    return f"{good}?{options}"


def connected(address: str, patience: int = 60) -> RabbitMQSource:
    import time

    source = RabbitMQSource(from_url(address))
    for _ in range(patience):
        try:
            source.connect({})
        except Unavailable as problem:
            if "nothing listens" not in str(problem):
                raise
            time.sleep(1)
        else:
            return source
    raise AssertionError("the broker does not listen")


def test_own_authority_and_client_certificate(broker: RabbitMQ):
    source = connected(url(broker, cacertfile="authority.pem", certfile="client.pem", keyfile="client.key"))
    assert source.take(0.1) is None
    assert source.facts()["server"].startswith("RabbitMQ")
    source.close()


def test_a_certificate_that_nobody_vouches_for_is_refused_and_the_option_named(broker: RabbitMQ):
    with pytest.raises(Unavailable, match="check cacertfile= in EVENT_BROKER_URL"):
        connected(url(broker, certfile="client.pem", keyfile="client.key"))


def test_verification_can_be_turned_off(broker: RabbitMQ):
    source = connected(url(broker, certfile="client.pem", keyfile="client.key") + "&verify=verify_none")
    source.close()


def test_without_a_client_certificate_that_the_broker_wants_it_cannot_be_read(broker: RabbitMQ):
    with pytest.raises(Unavailable):
        connected(url(broker, cacertfile="authority.pem"))


def test_plain_amqp_to_a_tls_port_names_scheme_and_port(broker: RabbitMQ):
    connected(url(broker, cacertfile="authority.pem", certfile="client.pem", keyfile="client.key")).close()
    with pytest.raises(Unavailable, match="EVENT_BROKER_URL"):
        connected(broker.url)
