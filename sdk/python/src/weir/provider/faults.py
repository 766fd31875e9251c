"""What is wrong with a declaration."""

import math
import re
from typing import TYPE_CHECKING, Iterable, Optional, get_args

from weir.provider.context import CacheScope, ContextSpec, SchemaCheck
from weir.provider.operation import Operation
from weir.sensitivity import is_sensitivity

if TYPE_CHECKING:
    from weir.provider.definition import Provider

_TYPE_NAME = re.compile(r"[A-Z][A-Za-z0-9]{0,62}", re.ASCII)
_PROVIDER_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}", re.ASCII)
_OPERATION_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}", re.ASCII)
# As semver.org suggests.
_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)

_Fault = tuple[bool, str]


def check_provider(provider: "Provider") -> None:
    """Raises ValueError when a provider's declaration has faults; the message names each."""
    limits = provider.limits
    _raise_for(
        f"provider {provider.name}",
        [
            (
                not _PROVIDER_NAME.fullmatch(provider.name),
                'name must be a-z, 0-9 and "-" after a letter, at most 63',
            ),
            _version(provider.version),
            _within("weight", provider.weight, 0, 1000),
            _within("timeout", provider.timeout, 0.001, 60),
            _within("limits.concurrent_calls", limits.concurrent_calls, 1, 1000),
            _within("limits.calls_per_second", limits.calls_per_second, 1, 100_000),
            _within("limits.response_bytes", limits.response_bytes, 4096, 1024**3),
            _within("hedge_after", provider.hedge_after, 0.01, 60),
            _within("concurrency", provider.concurrency, 1, 100_000),
            (
                provider.bearer is not None and not provider.bearer.startswith("secret://"),
                "bearer must be a secret:// reference",
            ),
        ],
    )


def check_context(provider: "Provider", spec: ContextSpec) -> None:
    """Raises ValueError when a context's declaration has faults; the message names each."""
    is_told = provider.wants_principal or bool(provider.principal_attributes)
    offered = {(each.spec.type, each.spec.version) for each in provider.contexts}
    _raise_for(
        f"context {spec.type}",
        [
            (
                not _TYPE_NAME.fullmatch(spec.type),
                "type must be A-Z, a-z, 0-9 after a capital, at most 63 characters",
            ),
            _version(spec.version),
            _scope(spec.scope),
            (
                is_told and spec.scope == "tenant",
                "a provider told of the principal needs scope principal or none",
            ),
            _sensitivity(spec.sensitivity),
            (
                spec.schema_check not in (None, *get_args(SchemaCheck)),
                f'schema_check "{spec.schema_check}" is not none, score or require',
            ),
            _seconds("ttl", spec.ttl),
            _seconds("stale_while_revalidate", spec.stale_while_revalidate),
            _seconds("negative_ttl", spec.negative_ttl),
            (
                (spec.type, spec.version) in offered,
                f"{spec.type}@{spec.version} is offered twice: offer it once",
            ),
        ],
    )


def check_operation(provider: "Provider", operation: Operation) -> None:
    """Raises ValueError when an operation's declaration has faults; the message names each."""
    _raise_for(
        f"operation {operation.name}",
        [
            (
                not _OPERATION_NAME.fullmatch(operation.name),
                'name must be 1 to 128 of A-Z, a-z, 0-9, "_", "-" and "."',
            ),
            _within("timeout", operation.timeout, 0.001, 600),
            (
                operation.ttl is not None and not operation.read_only,
                "only what is read_only can have a ttl",
            ),
            _scope(operation.scope),
            _sensitivity(operation.sensitivity),
            _seconds("ttl", operation.ttl),
            (
                operation.name in (each.name for each in provider.operations),
                "it is offered twice: offer it once",
            ),
        ],
    )


def check_offers(provider: "Provider") -> None:
    """Raises ValueError when a provider offers nothing."""
    is_empty = not provider.contexts and not provider.operations
    _raise_for(f"provider {provider.name}", [(is_empty, "it offers nothing: declare a context")])


def _version(version: str) -> _Fault:
    return not _SEMVER.fullmatch(version), f'version "{version}" is not semver: write it like 1.0.0'


def _scope(scope: Optional[str]) -> _Fault:
    is_fault = scope not in (None, *get_args(CacheScope))
    return is_fault, f'scope "{scope}" is not tenant, principal or none'


def _sensitivity(name: Optional[str]) -> _Fault:
    is_fault = name is not None and not is_sensitivity(name)
    return is_fault, f'sensitivity "{name}" is not public, internal, confidential or restricted'


def _within(name: str, value: Optional[float], least: float, most: float) -> _Fault:
    return (
        value is not None and not least <= value <= most,
        f"{name} {value} is not {least} to {most}",
    )


def _seconds(name: str, value: Optional[float]) -> _Fault:
    is_fault = value is not None and not 0 <= value < math.inf
    return is_fault, f"{name} {value} is not a number of seconds, 0 or more"


def _raise_for(what: str, faults: Iterable[_Fault]) -> None:
    texts = [text for is_fault, text in faults if is_fault]
    if texts:
        raise ValueError(f"{what}: {'; '.join(texts)}")
