"""What an API can do besides give values."""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

from weir.provider import Call, ProviderError, StatusCode, ToolResult

from .api import Api
from .request import RequestSpec


@dataclass(frozen=True)
class OperationSpec:
    """An operation of an API, and what calling it does."""

    title: str
    description: str
    read_only: bool
    idempotent: bool
    destructive: bool
    request: RequestSpec


_JSON_TYPE = re.compile(r"[/+]json\b")
_TEXT_TYPE = re.compile(r"^text/|[/+](?:xml|yaml|csv)\b")


async def call_operation(api: Api, request: RequestSpec, call: Call) -> Any:
    """Makes a request of an operation's arguments. What is no text comes back as base64."""
    answer = await api.call(request, call.arguments)
    if answer.status in (404, 410):
        raise ProviderError(StatusCode.NOT_FOUND, "the API has no such thing")
    content_type = answer.headers.get("content-type", "")
    if answer.body == b"":
        return {"status": answer.status}
    if _JSON_TYPE.search(content_type):
        try:
            return json.loads(answer.body)
        except ValueError as error:
            text = "the API answers with broken JSON"
            raise ProviderError(StatusCode.INTERNAL, text) from error
    if _TEXT_TYPE.search(content_type):
        text = answer.body.decode("utf-8", "replace")
        return ToolResult(content=[{"type": "text", "text": text}])
    return {"contentType": content_type, "base64": base64.b64encode(answer.body).decode()}
