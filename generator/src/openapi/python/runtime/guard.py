"""Which addresses may be called."""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Optional, Sequence, Union

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver
from yarl import URL

Address = Union[IPv4Address, IPv6Address]
Network = Union[IPv4Network, IPv6Network]


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(ip_network, texts))


# Networks by their range, the first that holds an address counts. What none holds is reserved.
# fmt: off
_RANGES: dict[str, tuple[Network, ...]] = {
    # Where clouds hand credentials to whoever asks from inside.
    "metadata": _networks(
        "169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16",
        "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
    ),
    "loopback": _networks("127.0.0.0/8", "::1/128"),
    "private": _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
    "reserved": _networks(
        "0.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24",
        "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
    ),
    # What IANA has given out of IPv6 as global unicast; nobody is called by the rest.
    "public": _networks("0.0.0.0/0", "2000::/3"),
}
# fmt: on
_WORDS = ("loopback", "private")
# IPv4 behind a translator (RFC 6052), whose last 32 bits are the address called in the end.
_TRANSLATED = IPv6Network("64:ff9b::/96")
_LIKE_ADDRESS = re.compile(r":|^[\d.]+$")


class Refused(Exception):
    """The request may not be made, or the answer not be followed."""


class Guard:
    """Says which addresses may be called: public ones, and what is allowed besides."""

    def __init__(self, allow: Sequence[str]) -> None:
        """Creates a guard that lets through, besides public addresses, what `allow` names:
        `loopback`, `private` and networks such as `10.1.0.0/16`. Addresses at which clouds hand out
        credentials are called only when they are named alone, such as `169.254.169.254`.

        Raises ValueError for an entry that is none of these.
        """
        self._words = [entry for entry in allow if entry in _WORDS]
        self._named = [_network(entry) for entry in allow if entry not in _WORDS]
        self._named_alone = [each for each in self._named if each.num_addresses == 1]

    def may_call(self, text: str, scheme: str) -> bool:
        """Whether an address may be called. Clear text goes only to addresses that are allowed by
        name or word."""
        address = _address(text)
        if address is None:
            return False
        found = _range(address)
        named = self._named_alone if found == "metadata" else self._named
        if found in self._words or _holds(named, address):
            return True
        return found == "public" and scheme == "https"

    def check(self, url: URL) -> None:
        """Looks at what a URL itself shows; names are looked at when they are resolved.

        Raises Refused when it may not be called.
        """
        if url.scheme not in ("http", "https") or url.host is None:
            raise Refused("only http and https are spoken")
        is_address = _address(url.host) is not None or _LIKE_ADDRESS.search(url.host)
        if is_address and not self.may_call(url.host, url.scheme):
            raise Refused(_fault(url.host, url.scheme))

    def resolver(self, scheme: str) -> AbstractResolver:
        """Finds the addresses of a name, and refuses those that may not be called."""
        return _GuardedResolver(self, scheme)


class _GuardedResolver(AbstractResolver):
    def __init__(self, guard: Guard, scheme: str) -> None:
        self._guard = guard
        self._scheme = scheme
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: int = socket.AF_UNSPEC
    ) -> list[dict[str, Any]]:
        # Both families, so that what is found is what is called.
        found = await self._resolver.resolve(host, port, family)
        fit = [each for each in found if self._guard.may_call(each["host"], self._scheme)]
        if not fit:
            raise Refused(_fault(host, self._scheme))
        return fit

    async def close(self) -> None:
        await self._resolver.close()


def _fault(host: str, scheme: str) -> str:
    reason = "is not public" if scheme == "https" else "is called in clear text"
    return f"{host} {reason} and may not be called; allow it in WEIR_OUTBOUND_ALLOW"


def _network(entry: str) -> Network:
    try:
        return ip_network(entry)
    except ValueError:
        text = f'"{entry}" is no network; write loopback, private or 10.1.0.0/16'
        raise ValueError(text) from None


def _address(text: str) -> Optional[Address]:
    """Of IPv4 in the clothes of IPv6, mapped or translated, the address of IPv4; no zone."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address in _TRANSLATED:
        return IPv4Address(address.packed[-4:])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _range(address: Address) -> str:
    found = (name for name, networks in _RANGES.items() if _holds(networks, address))
    return next(found, "reserved")


def _holds(networks: Sequence[Network], address: Address) -> bool:
    return any(address in network for network in networks)
