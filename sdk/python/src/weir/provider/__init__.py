"""Offer context to Weir. What fetches it is in `weir`."""

from weir.errors import StatusCode
from weir.provider.context import (
    Caller,
    Context,
    ListEntry,
    ListPage,
    ListQuery,
    NotModified,
    Patience,
    Query,
    Value,
)
from weir.provider.definition import Provider, ProviderLimits
from weir.provider.errors import ProviderError
from weir.provider.operation import Call, Operation, ToolResult
from weir.provider.serve import RunningProvider, run, serve

__all__ = [
    "Call",
    "Caller",
    "Context",
    "ListEntry",
    "ListPage",
    "ListQuery",
    "NotModified",
    "Operation",
    "Patience",
    "Provider",
    "ProviderError",
    "ProviderLimits",
    "Query",
    "RunningProvider",
    "StatusCode",
    "ToolResult",
    "Value",
    "run",
    "serve",
]
