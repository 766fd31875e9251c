"""What a provider declares of itself."""

from dataclasses import dataclass
from typing import Any, Callable, Literal, Mapping, Optional, Sequence, TypeVar

from weir.provider.context import CacheScope, Context, ContextSpec, Fetch, FetchMany
from weir.provider.context import JsonSchema, SchemaCheck
from weir.provider.faults import check_context, check_operation, check_provider
from weir.provider.operation import Operate, Operation
from weir.sensitivity import Sensitivity

OperateT = TypeVar("OperateT", bound=Operate)

CONCURRENCY = 64
"""How many queries of one batch run at once, unless a provider says otherwise."""


@dataclass(frozen=True)
class ProviderLimits:
    """How much one router may ask of a provider at once."""

    concurrent_calls: Optional[int] = None
    """Calls under way, 1 to 1,000. What is beyond waits for a moment, then is refused. Default: 64."""
    calls_per_second: Optional[int] = None
    """Calls begun in a second, 1 to 100,000. Default: any number."""
    response_bytes: Optional[int] = None
    """Bytes of all values of one answer, 4,096 to 1 GiB; what is beyond is refused. Default: 64 MiB."""


class Provider:
    """A source of context. All times are in seconds."""

    def __init__(
        self,
        name: str,
        *,
        version: str,
        title: str = "",
        description: str = "",
        tags: Sequence[str] = (),
        category: str = "",
        owner: str = "",
        weight: Optional[int] = None,
        priority: int = 0,
        timeout: Optional[float] = None,
        limits: Optional[ProviderLimits] = None,
        hedge_after: Optional[float] = None,
        wants_principal: bool = False,
        principal_attributes: Sequence[str] = (),
        bearer: Optional[str] = None,
        concurrency: int = CONCURRENCY,
    ) -> None:
        """Declares a provider; `context` and `operation` declare what it offers.

        Args:
            name: Unique in the tenant: 1 to 63 of a-z, 0-9 and "-", beginning with a letter.
            version: Semver. Several versions of a provider can be live at once.
            title: What people call it.
            description: What it is, in a few sentences.
            tags: Words to find it by.
            category: What kind of source it is, such as `documents` or `database`.
            owner: Who answers for it.
            weight: This version's share among the live ones, 0 (only when pinned) to 1000. Default:
                100.
            priority: Which of several providers of a type is asked first: the higher.
            timeout: The time that one call of a router may take, up to 60. Default: 5.
            limits: How much one router may ask at once. Default: 64 calls, 64 MiB in one answer.
            hedge_after: When a call has brought nothing for so long, it is made once more, to
                another endpoint, and the first answer counts; 0.01 to 60. Set it only when asking
                twice does no harm. Default: never.
            wants_principal: Whether the provider is told who the principal is.
            principal_attributes: The attributes of the principal that the provider is told.
            bearer: Where routers find the token that `serve` requires, such as
                `secret://docs-token`.
            concurrency: How many queries of one batch run at once, and how many functions that are
                not `async` run in threads.

        Raises:
            ValueError: The declaration has faults; the message names each.
        """
        self.name = name
        self.version = version
        self.title = title
        self.description = description
        self.tags = tuple(tags)
        self.category = category
        self.owner = owner
        self.weight = weight
        self.priority = priority
        self.timeout = timeout
        self.limits = limits or ProviderLimits()
        self.hedge_after = hedge_after
        self.wants_principal = wants_principal
        self.principal_attributes = tuple(principal_attributes)
        self.bearer = bearer
        self.concurrency = concurrency
        self.contexts: list[Context] = []
        self.operations: list[Operation] = []
        check_provider(self)

    def context(
        self,
        type: str,
        *,
        version: str,
        schema: Optional[JsonSchema] = None,
        title: str = "",
        key_prefix: str = "",
        scope: Optional[CacheScope] = None,
        ttl: Optional[float] = None,
        stale_while_revalidate: Optional[float] = None,
        negative_ttl: Optional[float] = None,
        sensitivity: Optional[Sensitivity] = None,
        schema_check: Optional[SchemaCheck] = None,
        complete_fields: Sequence[str] = (),
    ) -> Callable[[Fetch], Context]:
        """Decorates the function that gets a value of a context type by its key.

        The function takes a `Query` and returns the value, a `Value` with what is known of it,
        `NotModified`, or None when there is no such key. It raises `ProviderError` to say what went
        wrong; of any other exception callers only learn that there was one. It is `async`, or runs
        in a thread. What the decorator makes of it decorates the function that lists keys:

            @wiki.context("Page", version="1.0.0", ttl=60)
            async def page(query): ...

            @page.list
            async def pages(query): ...

        Args:
            type: The name of the context type, such as `DocChunk`.
            version: The version of the type that the values conform to, semver.
            schema: The JSON Schema of the values. Given for a type of your own, it is published
                before the provider is registered; left out for built-in types and types published
                elsewhere.
            title: What people call the type; used when it is published.
            key_prefix: The provider has only keys that begin with this. Empty: any key.
            scope: Among whom a cached value may be shared. Default: `tenant`, or `principal` when
                the provider is told of the principal.
            ttl: How long a value stays true when it does not say. Default: not cached.
            stale_while_revalidate: How long past that it may be served while it is refreshed.
                Default: 0.
            negative_ttl: How long the absence of a key may be remembered. Default: 1.
            sensitivity: How sensitive values are when they do not say. Default: `internal`.
            schema_check: What routers do with values that break the schema. Default: `none`.
            complete_fields: What a complete value has: JSON Pointers to fields; at most 64. Default:
                those that the schema requires at its top, when values are checked.

        Raises:
            ValueError: The declaration has faults; the message names each.
        """
        spec = _spec(locals())
        return lambda function: self._offer(Context(spec, fetch=function))

    def context_many(
        self,
        type: str,
        *,
        version: str,
        schema: Optional[JsonSchema] = None,
        title: str = "",
        key_prefix: str = "",
        scope: Optional[CacheScope] = None,
        ttl: Optional[float] = None,
        stale_while_revalidate: Optional[float] = None,
        negative_ttl: Optional[float] = None,
        sensitivity: Optional[Sensitivity] = None,
        schema_check: Optional[SchemaCheck] = None,
        complete_fields: Sequence[str] = (),
    ) -> Callable[[FetchMany], Context]:
        """Decorates a function that gets many values at once, for sources that can.

        It takes the queries of a batch, and returns an answer for each in their order. A
        `ProviderError` among the answers fails that query alone. Otherwise as `context`.
        """
        spec = _spec(locals())
        return lambda function: self._offer(Context(spec, fetch_many=function))

    def operation(
        self,
        name: str,
        *,
        title: str = "",
        description: str = "",
        kind: Literal["tool", "prompt"] = "tool",
        input: Optional[JsonSchema] = None,
        output: Optional[JsonSchema] = None,
        read_only: Optional[bool] = None,
        destructive: Optional[bool] = None,
        idempotent: Optional[bool] = None,
        open_world: Optional[bool] = None,
        timeout: Optional[float] = None,
        ttl: Optional[float] = None,
        scope: Optional[CacheScope] = None,
        sensitivity: Optional[Sensitivity] = None,
        annotations: Optional[Mapping[str, Any]] = None,
    ) -> Callable[[OperateT], OperateT]:
        """Decorates the function of an operation: what the provider can do besides give context.

        The function takes a `Call` and returns a value that has JSON, or a `ToolResult`. It raises
        `ProviderError` to say why it cannot be done. It is `async`, or runs in a thread.

        Args:
            name: Unique in the provider: 1 to 128 of A-Z, a-z, 0-9, "_", "-" and ".".
            title: What people call it.
            description: What it does, for whoever decides whether to call it.
            kind: Whether it is for models, or makes the beginning of a conversation.
            input: The JSON Schema of the arguments, an object. Default: any object.
            output: The JSON Schema of what it returns. Default: not stated.
            read_only: It changes nothing. Default: it may.
            destructive: What it changes may be lost. Default: it may.
            idempotent: Calling it once more changes nothing more: routers may. Default: it may.
            open_world: It reaches things outside of the provider. Default: it may.
            timeout: The time for one call, up to 600. Default: the provider's.
            ttl: How long a result stays true; only with `read_only`. Default: 0, not cached.
            scope: Among whom a cached result may be shared. Default: the tenant, or the principal
                that is told.
            sensitivity: How sensitive results are. Default: `internal`.
            annotations: What else is told of it to who lists it, such as icons.

        Raises:
            ValueError: The declaration has faults; the message names each.
        """
        given = {name: value for name, value in locals().items() if name != "self"}

        def declare(function: OperateT) -> OperateT:
            operation = Operation(call=function, **given)
            check_operation(self, operation)
            self.operations.append(operation)
            return function

        return declare

    def _offer(self, context: Context) -> Context:
        check_context(self, context.spec)
        self.contexts.append(context)
        return context


def _spec(given: Mapping[str, Any]) -> ContextSpec:
    return ContextSpec(**{name: value for name, value in given.items() if name != "self"})
