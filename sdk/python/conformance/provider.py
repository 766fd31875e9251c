"""The provider of sdk/conformance/README.md."""

import asyncio
import json
import os
import signal
import sys
from datetime import datetime, timezone

from weir import WeirCallError
from weir.provider import Call, ListEntry, ListPage, ListQuery, Provider, ProviderError, Query
from weir.provider import StatusCode, ToolResult, Value, serve

provider = Provider(os.environ["WEIR_PROVIDER"], version="1.0.0")
entries = [ListEntry(f"entry-{number:03}", title=f"Entry {number}") for number in range(120)]
counts: dict[str, int] = {}


@provider.context(
    "Probe",
    version="1.0.0",
    sensitivity="public",
    schema={"type": ["object", "string"]},
    ttl=0,
)
async def probe(query: Query) -> object:
    kind, _, rest = query.key.partition("/")
    if query.key.startswith("missing"):
        return None
    match kind:
        case "refuse":
            raise ProviderError(StatusCode[rest], "refused on purpose")
        case "busy":
            raise ProviderError(StatusCode[rest], "refused on purpose", retry_delay=1.234)
        case "crash":
            raise RuntimeError("secret words")
        case "slow":
            await asyncio.sleep(int(rest) / 1000)
        case "big":
            size = int(rest)
            return (bytes(range(251)) * (size // 251 + 1))[:size]
        case "text":
            return "plain words"
        case "meta":
            return Value(
                {"key": "meta"},
                etag="e1",
                as_of=datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
                quality=0.5,
                source="probe.txt:7",
                labels={"color": "blue"},
                owner="ann",
                sensitivity="internal",
                content_type="application/json",
            )
    return {"key": query.key, "characters": len(query.key)}


@probe.list
def probes(query: ListQuery) -> ListPage:
    words = query.text.lower()
    found = [
        entry
        for entry in entries
        if entry.key.startswith(query.key_prefix) and words in entry.title.lower()
    ]
    start = int(query.page_token or 0)
    end = start + query.page_size
    return ListPage(found[start:end], str(end) if end < len(found) else "")


@provider.context_many(
    "Batch", version="1.0.0", sensitivity="public", schema={"type": "object"}, ttl=0
)
def batch(queries: list[Query]) -> list[object]:
    return [{"batch": len(queries)} for _ in queries]


@provider.context("Kept", version="1.0.0", sensitivity="public", schema={"type": "object"}, ttl=60)
async def kept(query: Query) -> object:
    counts[query.key] = counts.get(query.key, 0) + 1
    return {"calls": counts[query.key]}


@provider.operation(
    "add",
    read_only=True,
    input={
        "type": "object",
        "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
        "required": ["a", "b"],
    },
)
def add(call: Call) -> object:
    return {"sum": call.arguments["a"] + call.arguments["b"]}


@provider.operation("count")
def count(call: Call) -> object:
    to = call.arguments["to"]
    for number in range(1, to + 1):
        call.progress(number, to)
    return {"counted": to}


@provider.operation("fail")
def fail(call: Call) -> object:
    return ToolResult(structured_content={"why": "on purpose"}, is_error=True)


@provider.operation("refuse")
def refuse(call: Call) -> object:
    raise ProviderError(StatusCode.FAILED_PRECONDITION, "refused on purpose")


@provider.operation("crash")
def crash(call: Call) -> object:
    raise RuntimeError("secret words")


@provider.operation("wait")
async def wait(call: Call) -> object:
    ms = call.arguments["ms"]
    await asyncio.sleep(ms / 1000)
    return {"waited": ms}


def say(event: dict[str, str]) -> None:
    print(json.dumps(event), flush=True)


async def until_told(stopped: asyncio.Event) -> None:
    """Until SIGTERM, or the end of stdin."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    stdin = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    ended = asyncio.create_task(stdin.read())
    ended.add_done_callback(lambda _: stopped.set())
    await stopped.wait()


async def main() -> int:
    told = asyncio.create_task(until_told(asyncio.Event()))
    urls = os.environ["WEIR_URL"].split(",")
    serving = asyncio.create_task(serve(provider, urls, os.environ["WEIR_KEY"]))
    await asyncio.wait([told, serving], return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        return 0
    try:
        running = await serving
    except WeirCallError as error:
        print(error, file=sys.stderr)
        reason = {"reason": error.reason} if error.reason else {}
        say({"event": "refused", "code": error.code.name, **reason})
        return 1
    async with running:
        say({"event": "registered"})
        await told
    return 0


sys.exit(asyncio.run(main()))
