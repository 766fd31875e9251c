use tokio::time::Instant;

use super::context::{Caller, ListEntry, ListPage, ListQuery};
use super::definition::Provider;
use super::error::{status_of, BoxError, ProviderError};
use super::fetch::guarded;
use super::service::{Fault, OnFault};
use crate::grpc::{Code, Status};
use crate::proto::weir::provider::v1 as wire;
use crate::sensitivity::Sensitivity;

const PAGE_SIZE_DEFAULT: usize = 50;
const PAGE_SIZE_MAX: usize = 500;

/// Lists keys of a type.
pub(super) async fn answer_list(
    provider: &Provider,
    request: wire::ListRequest,
    deadline: Instant,
    on_fault: &OnFault,
) -> Result<wire::ListResponse, Status> {
    let type_name = request.r#type.clone();
    let context = provider.find_context(&type_name, &request.type_version);
    let list = context.and_then(|context| context.list.clone()).ok_or_else(|| {
        Status::new(Code::Unimplemented, format!("this provider does not list {type_name}"))
    })?;
    let query = query_of(request, deadline);
    let page_size = query.page_size;
    let page = guarded(|| list(query)).await.and_then(|page| check(page, page_size));
    match page {
        Ok(page) => Ok(wire::ListResponse {
            entries: page.entries.into_iter().map(entry_to_wire).collect(),
            next_page_token: page.next_page_token,
        }),
        Err(error) => {
            let status = status_of(&error);
            if !error.is::<ProviderError>() {
                let what = format!("list of {type_name}");
                on_fault(Fault { what, error });
            }
            Err(status)
        }
    }
}

fn query_of(request: wire::ListRequest, deadline: Instant) -> ListQuery {
    let page_size = match usize::try_from(request.page_size) {
        Ok(size) if size > 0 => size.min(PAGE_SIZE_MAX),
        _ => PAGE_SIZE_DEFAULT,
    };
    ListQuery {
        key_prefix: request.key_prefix,
        text: request.query,
        page_size,
        page_token: request.page_token,
        caller: Caller::from_wire(request.caller),
        deadline: deadline.into_std(),
    }
}

fn check(page: ListPage, page_size: usize) -> Result<ListPage, BoxError> {
    let count = page.entries.len();
    if count > page_size {
        let text =
            format!("list returned {count} entries for a page of {page_size}: return at most page_size");
        return Err(text.into());
    }
    Ok(page)
}

fn entry_to_wire(entry: ListEntry) -> wire::ListEntry {
    wire::ListEntry {
        key: entry.key,
        title: entry.title,
        summary: entry.summary,
        score: entry.score,
        update_time: entry.update_time.map(Into::into),
        sensitivity: Sensitivity::to_wire(entry.sensitivity),
        labels: entry.labels,
        owner: entry.owner,
        content_type: entry.content_type,
        size_bytes: entry.size_bytes,
    }
}
