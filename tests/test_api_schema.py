"""The API's description is true, and nothing that it allows makes the server fail."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from django.core.management import call_command
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from schemathesis.generation.case import Case

from enterprise.models import User
from tests.asking import fill

SCHEMA = Path(__file__).resolve().parent.parent / "enterprise" / "api" / "schema.yml"
api = schemathesis.openapi.from_path(str(SCHEMA))


def test_the_committed_description_is_the_apis() -> None:
    now = StringIO()
    call_command("spectacular", "--fail-on-warn", stdout=now)
    hint = "run manage.py spectacular --file enterprise/api/schema.yml"
    assert now.getvalue().strip() == SCHEMA.read_text().strip(), hint


def test_every_operation_has_a_name_of_its_own_and_says_what_it_answers() -> None:
    document = yaml.safe_load(SCHEMA.read_text())
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names) > 15
    assert all(operation["responses"] for operation in operations)


@pytest.fixture
def asked(db: None, ana: User, signed_in: Callable[[User], Client]) -> Callable[[Case], Any]:
    """Sends a generated call as a signed-in admin, in the test's own transaction."""
    fill(8, count=1)
    client = signed_in(ana)
    client.raise_request_exception = False

    def send(case: Case) -> Any:
        path = case.formatted_path
        body = case.body
        content: Any = b"" if isinstance(body, schemathesis.core.NotSet) else body
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        return client.generic(
            case.method,
            path,
            content,
            content_type="application/json",
            query_params=case.query or {},
            headers=dict(case.headers or {}),
        )

    return send


@api.exclude(path_regex="^/api/(schema|auth)").parametrize()
@settings(
    max_examples=10, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_no_call_that_the_description_allows_makes_the_server_fail(
    case: Case, asked: Callable[[Case], Any]
) -> None:
    answer = asked(case)
    assert answer.status_code < 500, (case.method, case.formatted_path, case.query, answer.content)
    if answer.status_code >= 400:
        assert json.loads(answer.content)["status"] == "failure"
