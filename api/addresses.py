"""The address from which a request comes."""

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, cast

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

# The length in bits of the prefix that a provider assigns to one household or server. The prefix covers 2^64 addresses.
IPV6_PREFIX = 64

AnyRequest = Request | HttpRequest


def caller_network(request: AnyRequest) -> str:
    """Return the caller's IPv4 address or IPv6 network, or "unknown" if the address can't be read.

    Only the entries of `X-Forwarded-For` that our own proxies wrote are trusted. The setting PROXIES is the number of
    these proxies.
    """
    # `get_ident` reads only headers and META, which Django's request also has.
    return network_of(BaseThrottle().get_ident(cast(Request, request)) or "")


def caller_of(meta: dict[str, Any]) -> str:
    """Return the caller's network. `meta` holds the headers of the request, in WSGI's form."""
    request = HttpRequest()
    request.META = meta
    return caller_network(request)


def network_of(address: str) -> str:
    """Return the IPv4 address, or the network of an IPv6 address, or "unknown" for any other text.

    A port, which some proxies append to the address, is ignored.
    """
    bare = address.removeprefix("[").partition("]")[0]
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        parsed = ip_address(bare.partition("%")[0])
    except ValueError:
        return "unknown"
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, IPV6_PREFIX), strict=False))
