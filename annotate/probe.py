"""Asks a running platform whether it is well: ``python -m annotate.probe`` ends with 0 or 1, for container checks."""

import http.client
import sys

from annotate.environment import ConfigurationError, Environment
from annotate.site import Site


def ask(site: Site, *, timeout: float = 5.0) -> tuple[int, str]:
    """Status and body of ``/healthz``; (0, reason) where nothing answers."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(site.host, site.host)  # noqa: S104 - everywhere includes here
    connection = http.client.HTTPConnection(host, site.port, timeout=timeout)
    try:
        connection.request("GET", "/healthz", headers={"Host": site.name})
        answer = connection.getresponse()
        return answer.status, answer.read(4096).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()


def main() -> int:
    """Ask the server that this environment describes, and print its answer."""
    env = Environment.read()
    site = Site.read(env)
    try:
        env.check()
    except ConfigurationError as error:
        print(error)
        return 1
    status, body = ask(site)
    print(status, body)
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
