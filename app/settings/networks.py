"""Networks as people write them: `10.0.0.0/8`, or the address of one machine."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import BeforeValidator


def network(written: object) -> IPv4Network | IPv6Network:
    """The network that this means. Raises ValueError when it means none."""
    if isinstance(written, IPv4Network | IPv6Network):
        return written
    try:
        return ip_network(written if isinstance(written, str) else "")
    except ValueError:
        raise ValueError("expected an address, or a network such as 10.0.0.0/8") from None


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(network)]
