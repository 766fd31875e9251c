use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};

use super::item::Outcome;
use super::transport::{Streaming, Transport};
use crate::backoff::CALL_BACKOFF;
use crate::context_ref::ContextRef;
use crate::error::{CallError, Error};
use crate::grpc::Code;
use crate::proto::weir::errors::v1::Reason;
use crate::proto::weir::events::v1 as wire;
use crate::proto::weir::events::v1::event_service::SUBSCRIBE;
use crate::sensitivity::Sensitivity;
use crate::time::time_from_wire;
use crate::value::JSON_TYPE;

/// How long nothing may come before the connection is held to be lost. Weir sends something every 10 s.
const SILENCE_MAX: Duration = Duration::from_secs(25);

/// Where a subscription begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what is published from now on.
    Latest,
    /// With the oldest event that is kept.
    Earliest,
    /// After what this cursor stands for: the cursor of the last event that was handled.
    Cursor(String),
}

/// What is delivered, and from where on.
#[derive(Clone)]
pub struct SubscribeOptions {
    /// Where to begin. Default: with what is published from now on.
    pub from: Start,
    /// Brings the items of each event's refs, as the subscriber may read them. Default: false.
    pub fetch: bool,
    /// Of events of one key that wait, only the latest comes. Default: false.
    pub latest_only: bool,
    /// The most events in a second; others wait, or give way to later ones of their key. 0: any.
    pub max_per_second: u32,
    /// What the events are for, as of a fetch. Default: not stated.
    pub purpose: String,
    /// Told where to go on, each time that all that came up to there was handled; also when events went by that are for
    /// others. To be stored by who must not lose any. Default: nobody is.
    pub on_cursor: Option<Arc<dyn Fn(&str) + Send + Sync>>,
    /// Told why the subscription broke off, before it is taken up again. Default: nobody is.
    pub on_break: Option<Arc<dyn Fn(&CallError) + Send + Sync>>,
}

impl Default for SubscribeOptions {
    fn default() -> Self {
        SubscribeOptions {
            from: Start::Latest,
            fetch: false,
            latest_only: false,
            max_per_second: 0,
            purpose: String::new(),
            on_cursor: None,
            on_break: None,
        }
    }
}

impl fmt::Debug for SubscribeOptions {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("SubscribeOptions")
            .field("from", &self.from)
            .field("fetch", &self.fetch)
            .field("latest_only", &self.latest_only)
            .field("max_per_second", &self.max_per_second)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// An event as a subscriber gets it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// What kind of thing happened, such as `page.updated`.
    pub topic: String,
    /// What it happened to; empty: to nothing in particular.
    pub key: String,
    /// What its publisher calls it, or Weir. An event that comes twice has the same.
    pub id: String,
    /// More about it, as it was published.
    pub data: Bytes,
    /// The media type of the data.
    pub content_type: String,
    /// Names and values that describe it.
    pub labels: BTreeMap<String, String>,
    /// Who owns it; empty when nobody is named.
    pub owner: String,
    /// How sensitive it is.
    pub sensitivity: Sensitivity,
    /// When it happened.
    pub time: SystemTime,
    /// When it was committed.
    pub publish_time: SystemTime,
    /// The principal that published it.
    pub publisher: String,
    /// Its position in the log of the tenant; later ones are greater.
    pub position: u64,
    /// Whether parts of data, labels or owner were hidden from this subscriber.
    pub redacted: bool,
    /// Whether data, labels and owner were left out: parts of them are to be hidden, and cannot be.
    pub withheld: bool,
    /// How many earlier events of its key gave way to it.
    pub replaced: u32,
    /// The items that are not any more what they were.
    pub refs: Vec<ContextRef>,
    /// The items of the refs, with `fetch`. Large values are links, which [`crate::Weir::read_value`] reads.
    pub items: Vec<Outcome>,
    /// Where to go on when this event has been handled. Of events that came together only the last one leads past all of
    /// them, the others lead before the first: nothing is lost, and some come twice. Empty: begin as this subscription did.
    pub cursor: String,
    /// A fetch that brings it never gets an item of the refs as it was before.
    pub consistency_token: String,
}

impl Event {
    /// The data, parsed.
    ///
    /// # Errors
    /// `Error::Json`: it is no JSON of this form; no data is none.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.data)?)
    }

    fn from_wire(wire: wire::DeliveredEvent, cursor: &str) -> Event {
        let event = wire.event.unwrap_or_default();
        let publish_time = wire.publish_time.as_ref().and_then(time_from_wire);
        let publish_time = publish_time.unwrap_or_else(SystemTime::now);
        let refs: Vec<_> = event.refs.into_iter().map(ContextRef::from_wire).collect();
        let items = wire.items.into_iter().filter_map(|result| {
            let index = result.index as usize;
            let reference = refs.get(index)?.clone();
            Some(Outcome::from_wire(reference, index, Some(result)))
        });
        Event {
            items: items.collect(),
            topic: event.topic,
            key: event.key,
            id: event.id,
            data: event.data,
            content_type: if event.content_type.is_empty() {
                JSON_TYPE.to_owned()
            } else {
                event.content_type
            },
            labels: event.labels,
            owner: event.owner,
            sensitivity: Sensitivity::from_wire(event.sensitivity).unwrap_or(Sensitivity::Internal),
            time: event.time.as_ref().and_then(time_from_wire).unwrap_or(publish_time),
            publish_time,
            publisher: wire.publisher,
            position: wire.position,
            redacted: wire.redacted,
            withheld: wire.withheld,
            replaced: wire.replaced,
            refs,
            cursor: cursor.to_owned(),
            consistency_token: wire.consistency_token,
        }
    }
}

/// Yields events as they come, and takes the subscription up again wherever it breaks off.
pub(super) fn subscribe(
    transport: Arc<Transport>,
    topics: Vec<String>,
    options: SubscribeOptions,
) -> BoxStream<'static, Result<Event, CallError>> {
    Box::pin(async_stream::try_stream! {
        let mut request = request_of(topics, &options);
        let mut position = 0;
        let mut attempt = 0;
        loop {
            let mut connection = Connection::new(transport.clone());
            let failure = loop {
                let message = match connection.next(&request).await {
                    Ok(message) => message,
                    Err(error) => break error,
                };
                attempt = 0;
                let fresh: Vec<_> = message.events.into_iter().filter(|event| event.position > position).collect();
                let last = fresh.len().saturating_sub(1);
                for (index, event) in fresh.into_iter().enumerate() {
                    position = event.position;
                    let cursor = if index == last { &message.cursor } else { &request.cursor };
                    yield Event::from_wire(event, cursor);
                }
                request.cursor = message.cursor;
                if let Some(on_cursor) = &options.on_cursor {
                    on_cursor(&request.cursor);
                }
            };
            if !is_passing(&failure) {
                Err(failure)?;
                return;
            }
            if let Some(on_break) = &options.on_break {
                on_break(&failure);
            }
            sleep(CALL_BACKOFF.wait(attempt).max(failure.retry_delay.unwrap_or_default())).await;
            attempt += 1;
        }
    })
}

/// One call; one that ends, or falls silent, is UNAVAILABLE.
struct Connection {
    transport: Arc<Transport>,
    messages: Option<Streaming<wire::SubscribeResponse>>,
}

impl Connection {
    fn new(transport: Arc<Transport>) -> Self {
        Connection { transport, messages: None }
    }

    async fn next(&mut self, request: &wire::SubscribeRequest) -> Result<wire::SubscribeResponse, CallError> {
        let next = timeout(SILENCE_MAX, self.message(request)).await;
        match next {
            Ok(Ok(Some(message))) => Ok(message),
            Ok(Ok(None)) => Err(broke("the subscription ended")),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                let error = broke(&format!("nothing came for {} s", SILENCE_MAX.as_secs()));
                if let Some(messages) = self.messages.take() {
                    messages.lost(&error);
                }
                Err(error)
            }
        }
    }

    async fn message(
        &mut self,
        request: &wire::SubscribeRequest,
    ) -> Result<Option<wire::SubscribeResponse>, CallError> {
        if self.messages.is_none() {
            self.messages = Some(self.transport.stream(&SUBSCRIBE, request, None).await?);
        }
        match self.messages.as_mut() {
            Some(messages) => messages.message().await,
            None => Ok(None),
        }
    }
}

fn request_of(topics: Vec<String>, options: &SubscribeOptions) -> wire::SubscribeRequest {
    let (start, cursor) = match &options.from {
        Start::Latest => (wire::Start::Latest, ""),
        Start::Earliest => (wire::Start::Earliest, ""),
        Start::Cursor(cursor) => (wire::Start::Unspecified, cursor.as_str()),
    };
    wire::SubscribeRequest {
        topics,
        cursor: cursor.to_owned(),
        start: start as i32,
        fetch: options.fetch,
        latest_only: options.latest_only,
        max_per_second: options.max_per_second,
        purpose: options.purpose.clone(),
    }
}

fn broke(text: &str) -> CallError {
    CallError::new(Code::Unavailable, Reason::Unspecified, text)
}

/// Whether it is over when one comes back.
fn is_passing(error: &CallError) -> bool {
    let is_slow = matches!(error.reason, Reason::SubscriberSlow | Reason::RateExceeded);
    error.code == Code::Unavailable || is_slow
}
