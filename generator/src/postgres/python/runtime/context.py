"""Tables as context types."""

from typing import Sequence

from weir.provider import ListPage, ListQuery, Provider, Query

from .database import Database
from .fetch import Answer, fetch_rows
from .list import list_rows
from .table import Table


def offer_table(provider: Provider, database: Database, table: Table) -> None:
    """Offers a table or view as a context type: its rows are fetched by their keys, and listed."""

    @provider.context_many(
        table.type,
        version=table.version,
        title=table.title,
        schema=table.json_schema,
        # What policies of the database decided for one caller is no other's.
        scope="principal" if database.tells_caller else "tenant",
        ttl=table.ttl,
        sensitivity=table.sensitivity,
    )
    async def fetch(queries: Sequence[Query]) -> Sequence[Answer]:
        return await fetch_rows(database, table, queries)

    @fetch.list
    async def keys(query: ListQuery) -> ListPage:
        return await list_rows(database, table, query)
