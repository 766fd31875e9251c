"""The consumer of sdk/conformance/README.md: does what each line says."""

import asyncio
import hashlib
import json
import os
import sys
from contextlib import aclosing
from datetime import timezone
from functools import partial
from typing import Any, Awaitable, Callable, Optional

from weir import DeliveredEvent, ItemRefused, Outcome, Refusal, Refused, Weir, WeirCallError

Command = dict[str, Any]
Json = Any


class Consumer:
    def __init__(self, weir: Weir) -> None:
        self.weir = weir
        self.under_way: dict[int, "asyncio.Task[None]"] = {}
        self.doers: dict[str, Callable[[Command], Awaitable[Json]]] = {
            "fetch": self.fetch,
            "stream": self.stream,
            "get": self.get,
            "list": self.list,
            "call": self.call,
            "publish": self.publish,
            "subscribe": self.subscribe,
            "cancel": self.cancel,
        }

    async def run(self, command: Command) -> None:
        answer = {"id": command["id"]}
        try:
            answer["result"] = await self.doers[command["do"]](command)
        except asyncio.CancelledError:
            answer["error"] = {"code": "CANCELLED", "reason": "CANCELLED"}
        except (ItemRefused, WeirCallError) as error:
            answer["error"] = refusal(error.refusal if isinstance(error, ItemRefused) else error)
        except Exception as error:
            answer["error"] = {"code": "INVALID_ARGUMENT", "text": repr(error)}
        print(json.dumps(answer), flush=True)

    def ended(self, id: int, task: "asyncio.Task[None]") -> None:
        del self.under_way[id]

    async def fetch(self, command: Command) -> Json:
        outcomes = await self.weir.fetch(command["refs"], **how(command))
        return [outcome_json(outcome) for outcome in outcomes]

    async def stream(self, command: Command) -> Json:
        outcomes = self.weir.stream(command["refs"], **how(command))
        return [outcome_json(outcome) async for outcome in outcomes]

    async def get(self, command: Command) -> Json:
        ref = f"{command['type']}/{command['key']}"
        item = await self.weir.get(
            command["type"], command["key"], timeout=seconds(command, "timeoutMs")
        )
        return {"ref": ref, "ok": True, **item_json(item)}

    async def list(self, command: Command) -> Json:
        entries = self.weir.list(
            command.get("type", ""),
            key_prefix=command.get("keyPrefix", ""),
            query=command.get("query", ""),
            page_size=command.get("pageSize", 0),
            provider=command.get("provider", ""),
            timeout=seconds(command, "timeoutMs"),
        )
        return [
            {"ref": f"{entry.ref.type}/{entry.ref.key}", "title": entry.title}
            async for entry in entries
        ]

    async def call(self, command: Command) -> Json:
        progress: list[float] = []
        result = await self.weir.call(
            command["tool"],
            command.get("arguments"),
            timeout=seconds(command, "timeoutMs"),
            on_progress=(lambda told: progress.append(told.progress))
            if command.get("progress")
            else None,
        )
        value = value_json(result.value)
        return {"value": value, "isError": result.is_error, "progress": progress}

    async def publish(self, command: Command) -> Json:
        await self.weir.publish(
            command["topic"],
            key=command.get("key", ""),
            data=command.get("data"),
            refs=command.get("refs", ()),
            timeout=seconds(command, "timeoutMs"),
        )
        return {}

    async def subscribe(self, command: Command) -> Json:
        start = command.get("from", "")
        events = self.weir.subscribe(
            command["topics"],
            start="earliest" if start == "earliest" else "latest",
            cursor="" if start == "earliest" else start,
            fetch=command.get("fetch", False),
        )
        came: list[Json] = []
        async with aclosing(events):
            async for event in events:
                came.append(event_json(event))
                if len(came) >= command.get("count", 1):
                    break
        return came

    async def cancel(self, command: Command) -> Json:
        task = self.under_way.get(command["of"])
        if task is not None:
            task.cancel()
        return {}


def how(command: Command) -> dict[str, Any]:
    return {
        "timeout": seconds(command, "timeoutMs"),
        "item_timeout": seconds(command, "itemTimeoutMs"),
        "min_quality": command.get("minQuality"),
    }


def seconds(command: Command, name: str) -> Optional[float]:
    return command[name] / 1000 if name in command else None


def outcome_json(outcome: Outcome) -> Json:
    ref = f"{outcome.ref.type}/{outcome.ref.key}"
    if isinstance(outcome, Refused):
        return {"ref": ref, "ok": False, **refusal(outcome.refusal)}
    cache = outcome.cache.upper().replace("-", "_")
    return {"ref": ref, "ok": True, "cache": cache, **item_json(outcome.item)}


def item_json(item: Any) -> Json:
    as_of = item.as_of.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    return {
        "value": value_json(item.value),
        "contentType": item.content_type,
        "provider": item.provenance.provider,
        "sensitivity": item.sensitivity,
        "quality": item.quality,
        "source": item.provenance.source,
        "labels": dict(item.labels),
        "owner": item.owner,
        "asOf": as_of.replace("+00:00", "Z"),
    }


def value_json(value: Any) -> Json:
    if not isinstance(value, bytes):
        return value
    return {"bytes": len(value), "sha256": hashlib.sha256(value).hexdigest()}


def refusal(why: Refusal | WeirCallError) -> Json:
    reason = {"reason": why.reason} if why.reason else {}
    delay = {} if why.retry_delay is None else {"retryDelayMs": round(why.retry_delay * 1000)}
    return {"code": why.code.name, **reason, "text": why.text, **delay}


def event_json(event: DeliveredEvent) -> Json:
    return {
        "topic": event.topic,
        "key": event.key,
        "data": event.json(),
        "cursor": event.cursor,
        "items": [outcome_json(outcome) for outcome in event.items],
    }


async def main() -> None:
    reader = asyncio.StreamReader(limit=16 * 1024 * 1024)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with Weir(os.environ["WEIR_URL"].split(","), os.environ["WEIR_KEY"]) as weir:
        consumer = Consumer(weir)
        while line := await reader.readline():
            command = json.loads(line)
            task = asyncio.create_task(consumer.run(command))
            consumer.under_way[command["id"]] = task
            task.add_done_callback(partial(consumer.ended, command["id"]))


asyncio.run(main())
