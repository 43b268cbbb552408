"""Where a request came from, as far as the proxies on its way can be trusted."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from app.ingest.request import Request

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def client_address(request: Request, trusted: Sequence[Network]) -> str:
    """The address of the client; empty when it cannot be told.

    Each proxy adds whom it heard to the right of X-Forwarded-For, so the rightmost address that
    is no trusted proxy's is the client's; what stands left of it anybody may have written.
    """
    client: Address | None = None
    for client in _heard(request):
        if client is None or not _is_in(client, trusted):
            break
    return str(client or "")


def client_scheme(request: Request, trusted: Sequence[Network]) -> str:
    """`http` or `https`, as the client asked for."""
    heard = next(_heard(request))
    if heard is not None and _is_in(heard, trusted):
        told = request.headers.get(b"x-forwarded-proto", b"").partition(b",")[0].strip().lower()
        if told in (b"http", b"https"):
            return told.decode()
    return str(request.scope.get("scheme", "http"))


def _heard(request: Request) -> Iterator[Address | None]:
    """Whom the relay heard, then whom each proxy heard; None where that is no address."""
    peer = request.scope.get("client")
    yield _address(peer[0]) if peer else None
    forwarded = request.all(b"x-forwarded-for").decode("latin-1")
    for written in reversed(forwarded.split(",") if forwarded else []):
        yield _address(written.strip())


def _address(written: str) -> Address | None:
    """An address, with or without a port; IPv4 within IPv6 is IPv4."""
    if written.startswith("["):
        written = written[1:].partition("]")[0]
    elif written.count(":") == 1:
        written = written.partition(":")[0]
    try:
        address = ip_address(written)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
