"""Where the site is kept and where it is served: what the start, the web server and the probe have to agree on."""

from dataclasses import dataclass
from pathlib import Path

from annotate.environment import Environment, home


@dataclass(frozen=True)
class Site:
    """One platform: its home, the address that its web server listens on, and how many serve there at once."""

    home: Path
    host: str
    port: int
    workers: int  # web processes
    threads: int  # in each of them
    name: str  # that it answers to: the first of ALLOWED_HOSTS

    @classmethod
    def read(cls, env: Environment) -> "Site":
        """The site that the environment describes. The caller checks ``env`` afterwards."""
        return cls(
            home=home(env.values),
            host=env.text("WEB_HOST", "127.0.0.1"),
            port=env.whole("PORT", 8000, least=1, most=65535),
            workers=env.whole("WEB_WORKERS", 2, least=1, most=256),
            threads=env.whole("WEB_THREADS", 8, least=1, most=256),
            name=(env.names("ALLOWED_HOSTS") or ["localhost"])[0].lstrip("."),
        )

    @property
    def listen(self) -> str:
        """``host:port``, as servers and addresses write it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def address(self) -> str:
        """The address for a browser on this machine."""
        return f"http://{self.listen}/"
