"""Ask this machine's instance whether it is healthy; exit code 0 or 1. Used by the container and by checks.

Usage: healthcheck.py [PORT]   (default: the environment's PORT, or 5002)
"""

import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    """The exit code; what was wrong goes to standard error."""
    port = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PORT", "5002")
    # The instance may know itself only by its public name.
    host = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip().lstrip(".*") or "localhost"
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/health", headers={"Host": host})
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=4).close()
    except (OSError, urllib.error.HTTPError) as problem:
        print(f"not healthy: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
