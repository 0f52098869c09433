"""Private PostgreSQL, RabbitMQ and Redis servers, for development and for tests that may kill them.

Only the standard library is used, so that `bin/services` runs before any virtual environment exists.
"""

from private_services.kinds import KINDS, Postgres, RabbitMQ, Redis
from private_services.servers import Server, ServiceError, UnavailableError

__all__ = ["KINDS", "Postgres", "RabbitMQ", "Redis", "Server", "ServiceError", "UnavailableError"]
