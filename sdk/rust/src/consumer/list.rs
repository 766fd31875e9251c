use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::stream::BoxStream;

use super::item::refusal_from_wire;
use super::transport::{CallSettings, Transport};
use crate::context_ref::ContextRef;
use crate::error::{CallError, Refusal};
use crate::proto::weir::router::v1 as wire;
use crate::proto::weir::router::v1::router_service::LIST_CONTEXT;
use crate::time::time_from_wire;

/// What to list.
#[derive(Clone, Default)]
pub struct ListOptions {
    /// The context type. Empty: all types.
    pub type_name: String,
    /// Only keys that begin with this.
    pub key_prefix: String,
    /// Only what matches these words, best match first.
    pub query: String,
    /// Only this provider's. Empty: all providers.
    pub provider: String,
    /// The greatest number of entries of a page, 1 to 500. 0: 50.
    pub page_size: u32,
    /// What the call is for, as of a fetch. Default: not stated.
    pub purpose: String,
    /// The time of the call for each page, retries included. Default: the client's.
    pub timeout: Option<Duration>,
    /// Told of each provider that could not be asked, and whose entries are therefore missing. Default: nobody is.
    pub on_gap: Option<Arc<dyn Fn(Gap) + Send + Sync>>,
}

/// Something that can be fetched.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ContextEntry {
    /// The ref to fetch it by, with the provider filled in.
    pub reference: ContextRef,
    /// What it is called, for people.
    pub title: String,
    /// A few words of it, or about it.
    pub summary: String,
    /// How well it matches the query, from 0 to 1. 0 without a query.
    pub score: f64,
    /// When it last changed, if the provider knows.
    pub update_time: Option<SystemTime>,
    /// The media type of the value; empty when it is not known.
    pub content_type: String,
    /// The size of the value in bytes, if the provider knows.
    pub size_bytes: Option<u64>,
}

/// A provider that a list is without.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Gap {
    /// The provider's name.
    pub provider: String,
    /// The context type that it was asked for.
    pub type_name: String,
    /// Why it could not be asked.
    pub refusal: Refusal,
}

/// Lists page after page, each when it is needed.
pub(super) fn list_all(
    transport: Arc<Transport>,
    options: ListOptions,
) -> BoxStream<'static, Result<ContextEntry, CallError>> {
    Box::pin(async_stream::try_stream! {
        let mut request = wire::ListContextRequest {
            r#type: options.type_name,
            key_prefix: options.key_prefix,
            query: options.query,
            provider: options.provider,
            page_size: i32::try_from(options.page_size).unwrap_or(i32::MAX),
            page_token: String::new(),
            purpose: options.purpose,
        };
        loop {
            let deadline = transport.deadline(&CallSettings { timeout: options.timeout });
            let page = transport.unary(&LIST_CONTEXT, &request, deadline).await?;
            if let Some(on_gap) = &options.on_gap {
                page.gaps.into_iter().for_each(|gap| on_gap(gap_from_wire(gap)));
            }
            for entry in page.entries {
                yield entry_from_wire(entry);
            }
            if page.next_page_token.is_empty() {
                return;
            }
            request.page_token = page.next_page_token;
        }
    })
}

fn entry_from_wire(wire: wire::ContextEntry) -> ContextEntry {
    ContextEntry {
        reference: ContextRef::from_wire(wire.r#ref.unwrap_or_default()),
        title: wire.title,
        summary: wire.summary,
        score: wire.score,
        update_time: wire.update_time.as_ref().and_then(time_from_wire),
        content_type: wire.content_type,
        size_bytes: wire.size_bytes,
    }
}

fn gap_from_wire(wire: wire::ListGap) -> Gap {
    Gap {
        provider: wire.provider,
        type_name: wire.r#type,
        refusal: refusal_from_wire(wire.refusal.unwrap_or_default()),
    }
}
