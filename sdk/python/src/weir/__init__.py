"""Fetch context from Weir. What offers context is in `weir.provider`."""

from weir._client.call import ToolOutcome, ToolProgress
from weir._client.channel import Tls
from weir._client.list import ContextEntry, ListGap
from weir._client.publish import NewEvent, Published
from weir._client.subscribe import DeliveredEvent
from weir.client import Weir
from weir.errors import ItemRefused, Refusal, StatusCode, Violation, WeirCallError
from weir.item import Arrived, CacheStatus, Item, Link, Outcome, Provenance, Refused
from weir.ref import Ref, RefInput
from weir.sensitivity import Sensitivity

__all__ = [
    "Arrived",
    "CacheStatus",
    "ContextEntry",
    "DeliveredEvent",
    "Item",
    "ItemRefused",
    "Link",
    "ListGap",
    "NewEvent",
    "Outcome",
    "Provenance",
    "Published",
    "Ref",
    "RefInput",
    "Refusal",
    "Refused",
    "Sensitivity",
    "StatusCode",
    "Tls",
    "ToolOutcome",
    "ToolProgress",
    "Violation",
    "Weir",
    "WeirCallError",
]
