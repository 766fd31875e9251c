use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rand::Rng;
use serde::Serialize;

use super::transport::{CallSettings, Transport};
use crate::context_ref::ContextRef;
use crate::error::Error;
use crate::proto::weir::events::v1 as wire;
use crate::proto::weir::events::v1::event_service::PUBLISH;
use crate::sensitivity::Sensitivity;
use crate::value::{BYTES_TYPE, JSON_TYPE, TEXT_TYPE};

/// Something that happened.
#[derive(Clone, Debug, Default)]
pub struct EventInput {
    event: wire::Event,
}

impl EventInput {
    /// An event of a topic such as `page.updated`: 1 to 8 names, separated by dots.
    pub fn new(topic: impl Into<String>) -> Self {
        let event = wire::Event { topic: topic.into(), ..Default::default() };
        EventInput { event }
    }

    /// What it happened to; events of one key keep their order. Default: nothing in particular.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.event.key = key.into();
        self
    }

    /// More about it, as JSON; at most 256 KiB.
    ///
    /// # Errors
    /// `Error::Json`: the value has no JSON.
    pub fn json(self, value: &impl Serialize) -> Result<Self, Error> {
        Ok(self.data(serde_json::to_vec(value)?, JSON_TYPE))
    }

    /// More about it, as text; at most 256 KiB.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.data(text.into(), TEXT_TYPE)
    }

    /// More about it, as bytes; at most 256 KiB.
    pub fn bytes(self, bytes: impl Into<Bytes>) -> Self {
        self.data(bytes, BYTES_TYPE)
    }

    /// More about it, with a media type of its own; at most 256 KiB.
    pub fn data(mut self, data: impl Into<Bytes>, content_type: impl Into<String>) -> Self {
        self.event.data = data.into();
        self.event.content_type = content_type.into();
        self
    }

    /// An item that is not any more what it was; at most 32. Weir forgets what it holds of them.
    pub fn reference(mut self, reference: ContextRef) -> Self {
        self.event.refs.push(reference.to_wire());
        self
    }

    /// How sensitive it is. Default: internal.
    pub fn sensitivity(mut self, sensitivity: Sensitivity) -> Self {
        self.event.sensitivity = Sensitivity::to_wire(Some(sensitivity));
        self
    }

    /// Names and values that describe it; policies can decide by them.
    pub fn labels(mut self, labels: BTreeMap<String, String>) -> Self {
        self.event.labels = labels;
        self
    }

    /// Who owns it. Default: nobody is named.
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.event.owner = owner.into();
        self
    }

    /// What the publisher calls it, for who is told of it twice. Default: Weir gives it a name.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.event.id = id.into();
        self
    }

    /// When it happened. Default: when it is published.
    pub fn time(mut self, time: SystemTime) -> Self {
        self.event.time = Some(time.into());
        self
    }
}

/// How events are published.
#[derive(Clone, Debug, Default)]
pub struct PublishOptions {
    /// Names the request: sent again within a day, also by another process, it publishes nothing anew. Default: a random
    /// one, which the retries of this call share.
    pub idempotency_key: Option<String>,
    /// The time of the call, retries included. Default: the client's.
    pub timeout: Option<Duration>,
}

/// What became of a publish.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// The names of the events, in their order.
    pub ids: Vec<String>,
    /// A fetch that brings it never gets an item of the events' refs as it was before.
    pub consistency_token: String,
}

pub(super) async fn publish(
    transport: &Transport,
    events: Vec<EventInput>,
    options: &PublishOptions,
) -> Result<Published, Error> {
    let request = wire::PublishRequest {
        events: events.into_iter().map(|input| input.event).collect(),
        idempotency_key: options.idempotency_key.clone().unwrap_or_else(random_key),
    };
    let deadline = transport.deadline(&CallSettings { timeout: options.timeout });
    // What has an idempotency key is done once, however often it is sent.
    let is_safe = !request.idempotency_key.is_empty();
    let answer = transport.unary_if(is_safe, &PUBLISH, &request, deadline).await?;
    Ok(Published { ids: answer.ids, consistency_token: answer.consistency_token })
}

fn random_key() -> String {
    format!("{:032x}", rand::thread_rng().gen::<u128>())
}
