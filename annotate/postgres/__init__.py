"""Django's database backend for PostgreSQL, with a check of pooled connections that costs no round trip."""
