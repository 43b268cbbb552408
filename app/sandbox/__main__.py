"""Run the sandbox: `python -m app.sandbox --port 8002`."""

import argparse
import socket
from collections.abc import Sequence

import uvicorn

from app.sandbox.application import application
from app.sandbox.connection import RevealingProtocol
from app.sandbox.kable import Kable
from app.sandbox.kana import Kana
from app.sandbox.partner import Partner


class Server(uvicorn.Server):
    """Ends what hangs on purpose before it waits for requests to end."""

    def __init__(self, config: uvicorn.Config, partners: Sequence[Partner]) -> None:
        super().__init__(config)
        self._partners = partners

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for partner in self._partners:
            partner.behave()
        await super().shutdown(sockets)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m app.sandbox", description="The pretend partners of Usage Relay."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8002, help="port to listen on")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    partners = [Partner(Kable()), Partner(Kana())]
    config = uvicorn.Config(
        application(partners),
        host=options.host,
        port=options.port,
        http=RevealingProtocol,
        loop="uvloop",
        access_log=False,
        log_level="warning",
        # Longer than a client's pool keeps an idle connection: a partner that closes first would
        # look like a fault nobody asked for.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )
    Server(config, partners).run()


if __name__ == "__main__":
    main()
