"""A network that fails: it stands between a browser and a server, and may be away, silent, or tear answers in two."""

from __future__ import annotations

import random
import select
import socket
import struct
import threading
from typing import Literal

State = Literal["whole", "away", "silent", "torn"]
ROUND = 0.05  # seconds; so soon a connection notices that the state has changed
LINGER = struct.pack("ii", 1, 0)


class Wire:
    """Passes what comes to `address` on to a port of this machine, as `state` says.

    away: every connection breaks, new ones too. silent: requests arrive, and no answer comes back; whoever waited for
    one finds the connection broken when it is over. torn: requests arrive, and a connection breaks within its next
    answer, or before it.
    """

    def __init__(self, port: int, dice: random.Random) -> None:
        self.port = port
        self.dice = dice
        self.state: State = "whole"
        self.over = False
        self.door = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = f"http://127.0.0.1:{self.door.getsockname()[1]}"
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    def close(self) -> None:
        self.over = True
        for thread in self.threads:
            thread.join(timeout=30)
        self.door.close()

    def _accept(self) -> None:
        while not self.over:
            if select.select([self.door], [], [], ROUND)[0]:
                client, _ = self.door.accept()
                thread = threading.Thread(target=self._serve, args=(client,))
                self.threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)  # closing breaks it
            if self.state == "away":
                return
            try:
                with socket.create_connection(("127.0.0.1", self.port)) as server:
                    self._pass(client, server)
            except OSError:
                pass  # the server is dead, or the browser

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        waits = False
        while not self.over:
            ready = select.select([client, server], [], [], ROUND)[0]
            state = self.state
            if state == "away" or (waits and state != "silent"):
                return
            for end in ready:
                data = end.recv(65536)
                if not data:
                    return
                if end is client:
                    server.sendall(data)
                elif state == "silent":
                    waits = True
                elif state == "torn":
                    client.sendall(data[: self.dice.randrange(len(data))])
                    return
                else:
                    client.sendall(data)
