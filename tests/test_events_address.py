"""EVENT_BROKER_URL in parts, and mistakes in it explained."""

import pytest

from events.sources.address import BadAddress, from_url


def test_rabbitmq_in_full():
    address = from_url(
        "amqp://ra%40sa:p%2Fw%23%3F@broker:5673/my%2Fhost?exchange=ex&queue=q%20q&assistant=bank&environment=prod"
    )
    assert (address.kind, address.host, address.port, address.path) == ("rabbitmq", "broker", 5673, "my/host")
    assert (address.user, address.password) == ("ra@sa", "p/w#?")
    assert (address.exchange, address.queue, address.assistant, address.environment) == (
        "ex",
        "q q",
        "bank",
        "prod",
    )


@pytest.mark.parametrize("url", ["amqp://h", "amqp://h/", "amqp://h/%2F"])
def test_rabbitmq_defaults(url: str):
    address = from_url(url)
    assert (address.port, address.path, address.user, address.password) == (5672, "/", "guest", "guest")
    assert (address.exchange, address.queue, address.assistant) == (
        "rasa-exchange",
        "enterprise_events",
        "default",
    )


def test_amqps_has_its_own_port_and_options():
    address = from_url("amqps://h/v?cacertfile=/etc/my%20ca.pem&verify=verify_none")
    assert address.port == 5671
    assert address.options == {"cacertfile": "/etc/my ca.pem", "verify": "verify_none"}


@pytest.mark.parametrize("slashes", ["///", "////"])
def test_sqlite_and_files_have_absolute_percent_encoded_paths(slashes: str):
    assert from_url(f"sql+sqlite:{slashes}var/my%20bot%3F/e.db").path == "/var/my bot?/e.db"
    assert from_url(f"file:{slashes}var/%C3%BC.log").path == "/var/ü.log"


def test_postgresql_in_full():
    address = from_url("sql+postgresql://u:p@db/rasa%20events?sslmode=require&assistant=b")
    assert (address.host, address.port, address.path) == ("db", 5432, "rasa events")
    assert address.options == {"sslmode": "require"}


def test_nothing_shown_holds_credentials():
    for url in ("amqp://me:secret@h/v", "sql+postgresql://me:secret@h/d"):
        address = from_url(url)
        for text in (address.label, address.key, repr(address)):
            assert "secret" not in text
        assert "me" not in address.label.replace("enterprise_events", "")


def test_a_label_is_a_url_of_the_same_place():
    for url in (
        "amqp://me:pw@h:1/a%2Fb?queue=x%26y",
        "sql+sqlite:///a%20b/c.db",
        "file:///x.log",
        "sql+postgresql://u:p@h/d",
    ):
        address = from_url(url)
        assert from_url(address.label).key == address.key


def test_the_key_is_the_place_and_the_assistant():
    key = from_url("amqp://a:b@h/v?queue=q").key
    assert from_url("amqps://x:y@h:5672/v?queue=q&environment=prod&exchange=rasa-exchange").key == key
    for other in (
        "amqp://h/v",
        "amqp://h/w?queue=q",
        "amqp://g/v?queue=q",
        "amqp://h/v?queue=q&assistant=b",
    ):
        assert from_url(other).key != key


@pytest.mark.parametrize(
    "url",
    [
        "amqp://me:sec/ret@h/",
        "amqp://me:sec#ret@h/",
        "amqp://me:sec?ret@h/",
        "amqp://me:sec]ret@h",
        "amqp://me:12?sec@h/",
    ],
)
def test_a_password_that_is_not_encoded_is_never_repeated(url: str):
    with pytest.raises(BadAddress) as caught:
        from_url(url)
    assert "sec" not in str(caught.value)
    assert "ret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "must be one of"),
        ("rabbit", "must be one of"),
        ("http://h", "must be one of"),
        ("kafka://h:9092/topic", "kafka:// is not supported yet"),
        ("amqp://", "no host"),
        ("amqp:///v", "no host"),
        ("amqp://h:port/", "not a URL"),
        ("amqp://me:a#b@h/", "%23"),
        ("amqp://h/v?queu=x", "unknown option queu="),
        ("amqp://h/v?queue=", "must not be empty"),
        ("amqp://h/v?verify=verify_none", "needs amqps"),
        ("amqps://h/v?verify=yes", "verify_peer or verify_none"),
        ("amqps://h/v?keyfile=/k", "needs certfile"),
        ("amqp://h/v?heartbeat=fast", "whole number"),
        ("amqp://h/?assistant=", "assistant="),
        ("amqp://h/?assistant=a%20b", "assistant="),
        ("sql+sqlite://var/x.db", "three slashes"),
        ("sql+sqlite:///", "name a file"),
        ("file:///var/log/", "name a file"),
        ("file:///a?environment=x&sslmode=y", "unknown option sslmode="),
        ("sql+postgresql://h", "name the database"),
        ("sql+mysql://h/d", "must be one of"),
    ],
)
def test_mistakes_name_the_setting_and_the_way_out(url: str, why: str):
    with pytest.raises(BadAddress) as caught:
        from_url(url)
    assert why in str(caught.value)
    assert "EVENT_BROKER_URL" in str(caught.value)
    assert "\n" not in str(caught.value)
