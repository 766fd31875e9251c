"""What a provider can do besides give context."""

from dataclasses import dataclass, field
from typing import Any, Awaitable, Callable, Literal, Mapping, Optional, Sequence, Union

from weir.provider.context import CacheScope, Caller, JsonSchema, Patience
from weir.sensitivity import Sensitivity

Severity = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
"""How much a message matters, as syslog (RFC 5424) has it."""


@dataclass(frozen=True)
class ToolResult:
    """A result made of pieces in place of a value, as the Model Context Protocol has CallToolResult."""

    content: Sequence[Mapping[str, Any]] = ()
    """The pieces: `{"type": "text", "text": ...}`, images, links and so on."""
    structured_content: Any = None
    """The same as a value that conforms to the output schema. None: there is none."""
    is_error: bool = False
    """Whether the operation failed; the result says how."""


@dataclass(frozen=True)
class Call:
    """A call of an operation."""

    arguments: Mapping[str, Any]
    """The arguments. Routers hold them to the `input` schema wherever they can."""
    caller: Caller
    """For whom."""
    patience: Patience = field(repr=False)
    """How long the result is waited for."""
    wants_progress: bool
    """Whether anybody wants to know how far the operation is."""
    min_severity: Optional[Severity]
    """The least severity that is of interest. None: nothing that is said of it is."""
    tell_progress: Callable[[float, Optional[float], str], None] = field(repr=False)
    tell_log: Callable[[Severity, Any, str], None] = field(repr=False)

    def progress(self, progress: float, total: Optional[float] = None, text: str = "") -> None:
        """Tells how far the operation is; dropped when nobody wants to know. From any thread."""
        if self.wants_progress:
            self.tell_progress(progress, total, text)

    def log(self, severity: Severity, data: Any, logger: str = "") -> None:
        """Says something of the operation, as JSON; dropped when it matters less than the caller
        wants to know. From any thread."""
        self.tell_log(severity, data, logger)


Operate = Callable[[Call], Union[Any, Awaitable[Any]]]


@dataclass(frozen=True)
class Operation:
    """An operation as a provider offers it; see `Provider.operation`."""

    name: str
    call: Operate
    title: str = ""
    description: str = ""
    kind: Literal["tool", "prompt"] = "tool"
    input: Optional[JsonSchema] = None
    output: Optional[JsonSchema] = None
    read_only: Optional[bool] = None
    destructive: Optional[bool] = None
    idempotent: Optional[bool] = None
    open_world: Optional[bool] = None
    timeout: Optional[float] = None
    ttl: Optional[float] = None
    scope: Optional[CacheScope] = None
    sensitivity: Optional[Sensitivity] = None
    annotations: Optional[Mapping[str, Any]] = None
