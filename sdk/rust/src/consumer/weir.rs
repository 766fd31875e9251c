use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use prost::Message;

use super::addresses::Addresses;
use super::call::{call_tool, CallOptions, ToolResult};
use super::fetch::{fetch_all, FetchOptions};
use super::follow::{follow_as_they_come, Follow};
use super::item::{Item, Outcome};
use super::link::LinkReader;
use super::list::{list_all, ContextEntry, ListOptions};
use super::publish::{publish, EventInput, PublishOptions, Published};
use super::stream::stream_all;
use super::subscribe::{subscribe, Event, SubscribeOptions};
use super::transport::{CallSettings, Transport};
use crate::context_ref::{ContextRef, InvalidRef};
use crate::error::{CallError, Error, ItemRefused};
use crate::grpc::Method;

const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
const RETRIES_DEFAULT: u32 = 3;

/// A client of Weir: cheap to clone, safe to share, made once per process. It connects with the first call, and its
/// connections end when the last clone is dropped.
#[derive(Clone)]
pub struct Weir {
    transport: Arc<Transport>,
    links: Arc<LinkReader>,
    min_quality: Option<f64>,
}

/// How to reach Weir.
#[derive(Clone)]
pub struct WeirBuilder {
    urls: Vec<String>,
    key: String,
    timeout: Duration,
    retries: u32,
    min_quality: Option<f64>,
}

impl WeirBuilder {
    /// Adds where Weir listens, such as `http://127.0.0.1:7070`. Of several addresses, at most 16, the first is used until
    /// it is UNAVAILABLE, then the next one; subscriptions go on there from where they were.
    pub fn address(mut self, url: impl Into<String>) -> Self {
        self.urls.push(url.into());
        self
    }

    /// The API key, `weir_...`, or an access token of an issuer that Weir knows.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// The time of a call that sets none itself, retries included. Default: 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often a safe call is tried again at most. Default: 3.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The least quality acceptable where a fetch does not say, from 0 to 1. Default: any.
    pub fn min_quality(mut self, quality: f64) -> Self {
        self.min_quality = Some(quality);
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    /// `Error::Config`: an address or the key cannot be right.
    pub fn build(self) -> Result<Weir, Error> {
        let addresses = Addresses::open(&self.urls)?;
        let transport = Transport::new(addresses, &self.key, self.timeout, self.retries)?;
        Ok(Weir {
            transport: Arc::new(transport),
            links: Arc::new(LinkReader::default()),
            min_quality: self.min_quality,
        })
    }
}

impl Weir {
    /// A client of the Weir at an address such as `http://127.0.0.1:7070`, with an API key, `weir_...`.
    ///
    /// # Errors
    /// `Error::Config`: the address or the key cannot be right.
    pub fn new(url: &str, key: &str) -> Result<Weir, Error> {
        Weir::builder().address(url).key(key).build()
    }

    /// A client with options.
    pub fn builder() -> WeirBuilder {
        WeirBuilder {
            urls: Vec::new(),
            key: String::new(),
            timeout: TIMEOUT_DEFAULT,
            retries: RETRIES_DEFAULT,
            min_quality: None,
        }
    }

    /// Gets one item.
    ///
    /// # Errors
    /// `Error::Refused`: the item cannot be had. `Error::Call`: the whole call failed, or is late.
    pub async fn get(&self, type_name: &str, key: &str) -> Result<Item, Error> {
        self.get_with(ContextRef::new(type_name, key), FetchOptions::default()).await
    }

    /// Gets one item, with options; the ref may name versions and provider.
    ///
    /// # Errors
    /// As `get`; `Error::Ref`: a text is no ref.
    pub async fn get_with<R>(&self, reference: R, options: FetchOptions) -> Result<Item, Error>
    where
        R: TryInto<ContextRef>,
        InvalidRef: From<R::Error>,
    {
        let mut outcomes = self.fetch_with([reference], options).await?;
        let outcome = outcomes.remove(0);
        let reference = outcome.reference;
        outcome.result.map_err(|refusal| Error::Refused(Box::new(ItemRefused { reference, refusal })))
    }

    /// Fetches any number of refs, one call for each 256 of them, and returns an outcome for each, in their order. Items
    /// that cannot be had are outcomes, not errors; items over the response budget are asked for again by themselves.
    ///
    /// # Errors
    /// `Error::Call`: a whole call failed. `Error::Ref`: a text is no ref.
    pub async fn fetch<I, R>(&self, refs: I) -> Result<Vec<Outcome>, Error>
    where
        I: IntoIterator<Item = R>,
        R: TryInto<ContextRef>,
        InvalidRef: From<R::Error>,
    {
        self.fetch_with(refs, FetchOptions::default()).await
    }

    /// Fetches any number of refs, with options.
    ///
    /// # Errors
    /// As `fetch`.
    pub async fn fetch_with<I, R>(&self, refs: I, options: FetchOptions) -> Result<Vec<Outcome>, Error>
    where
        I: IntoIterator<Item = R>,
        R: TryInto<ContextRef>,
        InvalidRef: From<R::Error>,
    {
        let refs = to_refs(refs)?;
        let options = self.complete(options);
        let deadline = self.transport.deadline(&options.settings());
        let outcomes = fetch_all(&self.transport, refs, &options, deadline).await?;
        let base = &self.transport.addresses.here().1.url;
        let follow = Follow::new(&self.links, base, &options, deadline);
        Ok(follow.all(outcomes).await)
    }

    /// Fetches any number of refs and yields each outcome as soon as it is there. Dropping the stream cancels what is still
    /// under way. A stream that breaks off because Weir stops, or cannot be reached for a moment, goes on by itself with
    /// what is still open.
    ///
    /// # Errors
    /// The stream ends with `Error::Call` when a whole call failed, and with `Error::Ref` when a text is no ref.
    pub fn stream<I, R>(&self, refs: I) -> BoxStream<'static, Result<Outcome, Error>>
    where
        I: IntoIterator<Item = R>,
        R: TryInto<ContextRef>,
        InvalidRef: From<R::Error>,
    {
        self.stream_with(refs, FetchOptions::default())
    }

    /// Streams any number of refs, with options.
    ///
    /// # Errors
    /// As `stream`.
    pub fn stream_with<I, R>(
        &self,
        refs: I,
        options: FetchOptions,
    ) -> BoxStream<'static, Result<Outcome, Error>>
    where
        I: IntoIterator<Item = R>,
        R: TryInto<ContextRef>,
        InvalidRef: From<R::Error>,
    {
        let refs = match to_refs(refs) {
            Ok(refs) => refs,
            Err(error) => return Box::pin(stream::once(async { Err(error) })),
        };
        let options = self.complete(options);
        let deadline = self.transport.deadline(&options.settings());
        let weir = self.clone();
        Box::pin(async_stream::try_stream! {
            let base = weir.transport.addresses.here().1.url.clone();
            let follow = Follow::new(&weir.links, &base, &options, deadline);
            let outcomes = stream_all(weir.transport.clone(), refs, options, deadline);
            let mut followed = follow_as_they_come(outcomes, follow);
            while let Some(outcome) = followed.next().await {
                yield outcome?;
            }
        })
    }

    /// Reads the value of an item piece by piece, also one that lies at a link: fetch it with `LinkMode::Keep`. Size and
    /// hash are checked on the way, so that what was read counts only once the stream has ended well.
    ///
    /// # Errors
    /// The value cannot be read (UNAVAILABLE), is late (DEADLINE_EXCEEDED), or is another value (DATA_LOSS).
    pub fn read_value<'a>(
        &'a self,
        item: &Item,
        settings: &CallSettings,
    ) -> BoxStream<'a, Result<Bytes, CallError>> {
        match &item.link {
            Some(link) if item.bytes.is_empty() => {
                let base = self.transport.addresses.here().1.url.clone();
                self.links.read(link.clone(), base, self.transport.deadline(settings))
            }
            _ => {
                let bytes = item.bytes.clone();
                Box::pin(stream::once(async { Ok(bytes) }))
            }
        }
    }

    /// Lists what there is to fetch, page after page as the stream is read.
    ///
    /// # Errors
    /// The stream ends with the error of a page that cannot be had.
    pub fn list(&self, options: ListOptions) -> BoxStream<'static, Result<ContextEntry, CallError>> {
        list_all(self.transport.clone(), options)
    }

    /// Calls an operation of a provider, as a tool such as `helpdesk__close`; the arguments are a JSON object. It is called
    /// once, and never tried again.
    ///
    /// # Errors
    /// `Error::Call`: the call is refused or failed. A tool that failed itself has a result, with `is_error`.
    pub async fn call(&self, tool: &str, arguments: serde_json::Value) -> Result<ToolResult, Error> {
        self.call_with(tool, arguments, CallOptions::default()).await
    }

    /// Calls an operation of a provider, with options.
    ///
    /// # Errors
    /// As `call`.
    pub async fn call_with(
        &self,
        tool: &str,
        arguments: serde_json::Value,
        options: CallOptions,
    ) -> Result<ToolResult, Error> {
        call_tool(&self.transport, tool, &arguments, &options).await
    }

    /// Publishes an event. When it answers, the event is committed and Weir hands out no item of its refs as it was before.
    /// What fails as UNAVAILABLE is tried again, and published once all the same.
    ///
    /// # Errors
    /// `Error::Call`: it is refused, or Weir cannot be reached.
    pub async fn publish(&self, event: EventInput) -> Result<Published, Error> {
        self.publish_all(vec![event], PublishOptions::default()).await
    }

    /// Publishes 1 to 256 events in their order, of 512 KiB together at most: all of them or none.
    ///
    /// # Errors
    /// As `publish`.
    pub async fn publish_all(
        &self,
        events: Vec<EventInput>,
        options: PublishOptions,
    ) -> Result<Published, Error> {
        publish(&self.transport, events, &options).await
    }

    /// Yields the events of 1 to 16 topics as they come: `page.updated`, `page.*` for all that begin with `page.`, or `*`.
    /// Goes on by itself from where it was when Weir stops, cannot be reached, says nothing for 25 s or cut it off for being
    /// slow; for ever, until the stream is dropped. An event comes at least once; those of one key come in their order.
    ///
    /// # Errors
    /// The stream ends when it is refused; OUT_OF_RANGE: what came after the cursor is not kept any more.
    pub fn subscribe<I, T>(
        &self,
        topics: I,
        options: SubscribeOptions,
    ) -> BoxStream<'static, Result<Event, CallError>>
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        let topics = topics.into_iter().map(Into::into).collect();
        subscribe(self.transport.clone(), topics, options)
    }

    /// Makes a call of any method that is answered with one message, such as
    /// `proto::weir::registry::v1::registry_service::LIST_PROVIDERS`. It is tried again if the method says that it may be.
    ///
    /// # Errors
    /// The call failed.
    pub async fn unary<Req, Res>(
        &self,
        method: &Method<Req, Res>,
        request: &Req,
        settings: &CallSettings,
    ) -> Result<Res, CallError>
    where
        Req: Message,
        Res: Message + Default,
    {
        self.transport.unary(method, request, self.transport.deadline(settings)).await
    }

    fn complete(&self, options: FetchOptions) -> FetchOptions {
        FetchOptions { min_quality: options.min_quality.or(self.min_quality), ..options }
    }
}

impl fmt::Debug for Weir {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Weir({})", self.transport.addresses.here().1.url)
    }
}

fn to_refs<I, R>(refs: I) -> Result<Vec<ContextRef>, Error>
where
    I: IntoIterator<Item = R>,
    R: TryInto<ContextRef>,
    InvalidRef: From<R::Error>,
{
    let read = refs.into_iter().map(|reference| reference.try_into());
    read.map(|reference| reference.map_err(|fault| Error::Ref(InvalidRef::from(fault)))).collect()
}
