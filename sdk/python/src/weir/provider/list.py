"""Lists keys."""

import grpc

from weir._times import timestamp
from weir.gen.weir.provider.v1 import provider_pb2 as wire
from weir.provider.answer import context_of
from weir.provider.caller import caller_of
from weir.provider.context import ListEntry, ListPage, ListQuery, Patience
from weir.provider.definition import Provider
from weir.provider.errors import ProviderError
from weir.provider.running import Runner, report
from weir.sensitivity import is_sensitivity, sensitivity_to_wire

_PAGE_SIZE = 50
_PAGE_MAX = 500


async def answer_list(
    provider: Provider, runner: Runner, request: wire.ListRequest, patience: Patience
) -> wire.ListResponse:
    """Lists keys of a type.

    Raises ProviderError when the author does, or when the type cannot be listed, and any other
    exception of the author's after it was logged.
    """
    context = context_of(provider, request.type, request.type_version)
    if context is None or context.lister is None:
        text = f"this provider does not list {request.type}"
        raise ProviderError(grpc.StatusCode.UNIMPLEMENTED, text)
    query = ListQuery(
        key_prefix=request.key_prefix,
        text=request.query,
        page_size=min(request.page_size if request.page_size > 0 else _PAGE_SIZE, _PAGE_MAX),
        page_token=request.page_token,
        caller=caller_of(request.caller),
        patience=patience,
    )
    try:
        return _response(await runner.run(context.lister, query), query.page_size)
    except Exception as error:
        report(f"the list of {request.type}", error)
        raise


def _response(page: ListPage, page_size: int) -> wire.ListResponse:
    if len(page.entries) > page_size:
        counts = f"{len(page.entries)} entries for a page of {page_size}"
        raise ValueError(f"the function returned {counts}: return at most page_size")
    return wire.ListResponse(
        entries=[_entry(entry) for entry in page.entries], next_page_token=page.next_page_token
    )


def _entry(entry: ListEntry) -> wire.ListEntry:
    if entry.sensitivity is not None and not is_sensitivity(entry.sensitivity):
        raise ValueError(f"sensitivity {entry.sensitivity} is not known")
    return wire.ListEntry(
        key=entry.key,
        title=entry.title,
        summary=entry.summary,
        score=entry.score,
        update_time=None if entry.update_time is None else timestamp(entry.update_time),
        sensitivity=sensitivity_to_wire(entry.sensitivity),  # type: ignore[arg-type]
        labels=entry.labels,
        owner=entry.owner,
        content_type=entry.content_type,
        size_bytes=entry.size_bytes,
    )
