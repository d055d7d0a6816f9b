#!/usr/bin/env python
"""Django's command line. On a home where ``make run`` is up it finds the running servers by itself."""

import os
import sys


def main() -> None:
    """Run one management command; a setting or server that is missing is told in a line, not in a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotate.settings")
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    from annotate.environment import ConfigurationError

    try:
        execute_from_command_line(sys.argv)
    except ConfigurationError as error:
        sys.exit(str(error))
    except OperationalError as error:
        from django.db import connection

        if "--traceback" in sys.argv or connection.connection is not None:
            raise
        place = connection.settings_dict["HOST"] or "localhost"
        reason = str(error).strip().splitlines()[0].rsplit("failed: ", 1)[-1]
        sys.exit(f"PostgreSQL at {place} does not answer ({reason}). Start the platform with `make run`.")


if __name__ == "__main__":
    main()
