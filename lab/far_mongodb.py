"""MongoDB with the latency of a distant server: a relay on this machine delays each round-trip."""

from urllib.parse import parse_qsl, urlencode, urlsplit

from lab.relay import HOST, Relay

MONGODB_PORT = 27017


class FarMongodb(Relay):
    """A relay to the server of `uri`. A round-trip takes `seconds` longer than without the relay."""

    def __init__(self, uri: str, *, seconds: float) -> None:
        self._parts = urlsplit(uri)
        super().__init__(self._parts.hostname or HOST, self._parts.port or MONGODB_PORT, seconds=seconds)

    @property
    def uri(self) -> str:
        """Return the URI of the relay.

        Clients must not ask the server for its address, or they would connect to the server directly.
        """
        user, _at, _host = self._parts.netloc.rpartition("@")
        options = {name: value for name, value in parse_qsl(self._parts.query) if name != "replicaSet"}
        query = urlencode(options | {"directConnection": "true"})
        return self._parts._replace(netloc=f"{user}{_at}{HOST}:{self.port}", query=query).geturl()
