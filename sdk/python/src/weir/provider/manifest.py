"""What a provider is registered with."""

from typing import Any, Mapping, Optional

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct

from weir._times import duration
from weir.gen.weir.registry.v1 import resources_pb2 as wire
from weir.provider.context import ContextSpec
from weir.provider.definition import Provider
from weir.provider.operation import Operation
from weir.sensitivity import sensitivity_to_wire

_SCOPES = {
    None: wire.CACHE_SCOPE_UNSPECIFIED,
    "tenant": wire.CACHE_SCOPE_TENANT,
    "principal": wire.CACHE_SCOPE_PRINCIPAL,
    "none": wire.CACHE_SCOPE_NONE,
}
_CHECKS = {
    None: wire.SCHEMA_CHECK_UNSPECIFIED,
    "none": wire.SCHEMA_CHECK_NONE,
    "score": wire.SCHEMA_CHECK_SCORE,
    "require": wire.SCHEMA_CHECK_REQUIRE,
}
_KINDS = {
    "tool": wire.OPERATION_KIND_TOOL,
    "prompt": wire.OPERATION_KIND_PROMPT,
}


def manifest_of(provider: Provider) -> wire.ProviderManifest:
    """The manifest that a provider is registered with."""
    limits = provider.limits
    given = (limits.concurrent_calls, limits.calls_per_second, limits.response_bytes)
    return wire.ProviderManifest(
        name=provider.name,
        version=provider.version,
        title=provider.title,
        description=provider.description,
        tags=provider.tags,
        category=provider.category,
        owner=provider.owner,
        weight=provider.weight,
        priority=provider.priority,
        timeout=_duration(provider.timeout),
        hedge_after=_duration(provider.hedge_after),
        wants_principal=provider.wants_principal,
        principal_attributes=provider.principal_attributes,
        limits=None
        if given == (None, None, None)
        else wire.ProviderLimits(
            concurrent_calls=limits.concurrent_calls,
            calls_per_second=limits.calls_per_second,
            response_bytes=limits.response_bytes,
        ),
        authentication=None
        if provider.bearer is None
        else wire.ProviderAuthentication(bearer=provider.bearer),
        contexts=[
            _offer(context.spec, context.lister is not None) for context in provider.contexts
        ],
        operations=[_operation(operation) for operation in provider.operations],
    )


def type_manifests_of(provider: Provider) -> list[wire.ContextTypeManifest]:
    """The manifests of the types that a provider brings along with a schema of its own."""
    return [
        wire.ContextTypeManifest(
            name=spec.type, version=spec.version, title=spec.title, schema=_struct(spec.schema)
        )
        for spec in (context.spec for context in provider.contexts)
        if spec.schema is not None
    ]


def _offer(spec: ContextSpec, is_listable: bool) -> wire.ContextOffer:
    return wire.ContextOffer(
        type=spec.type,
        version=spec.version,
        key_prefix=spec.key_prefix,
        scope=_SCOPES[spec.scope],
        sensitivity=sensitivity_to_wire(spec.sensitivity),  # type: ignore[arg-type]
        listable=is_listable,
        schema_check=_CHECKS[spec.schema_check],
        complete_fields=spec.complete_fields,
        ttl=_duration(spec.ttl),
        stale_while_revalidate=_duration(spec.stale_while_revalidate),
        negative_ttl=_duration(spec.negative_ttl),
    )


def _operation(operation: Operation) -> wire.OperationOffer:
    return wire.OperationOffer(
        name=operation.name,
        title=operation.title,
        description=operation.description,
        kind=_KINDS[operation.kind],
        input_schema=_struct(operation.input),
        output_schema=_struct(operation.output),
        annotations=_struct(operation.annotations),
        hints=_hints(operation),
        timeout=_duration(operation.timeout),
        ttl=_duration(operation.ttl),
        scope=_SCOPES[operation.scope],
        sensitivity=sensitivity_to_wire(operation.sensitivity),  # type: ignore[arg-type]
    )


def _hints(operation: Operation) -> wire.OperationHints:
    hints = {
        "read_only": operation.read_only,
        "destructive": operation.destructive,
        "idempotent": operation.idempotent,
        "open_world": operation.open_world,
    }
    return wire.OperationHints(**{name: hint for name, hint in hints.items() if hint is not None})


def _duration(seconds: Optional[float]) -> Optional[Duration]:
    return None if seconds is None else duration(seconds)


def _struct(given: Optional[Mapping[str, Any]]) -> Optional[Struct]:
    return None if given is None else ParseDict(dict(given), Struct())
