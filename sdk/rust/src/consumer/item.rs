use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::context_ref::ContextRef;
use crate::error::Refusal;
use crate::grpc::Code;
use crate::proto::weir::context::v1 as wire;
use crate::proto::weir::errors::v1::Reason;
use crate::sensitivity::Sensitivity;
use crate::time::{duration_from_wire, time_from_wire};
use crate::value::{Value, JSON_TYPE};

/// A piece of context.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Item {
    /// The value, as its media type says.
    pub value: Value,
    /// The value as it came; empty when it was not fetched from its link.
    pub bytes: Bytes,
    /// Where a value lies that is too large to carry. It was followed already, unless `LinkMode::Keep` was asked for.
    pub link: Option<Link>,
    /// The media type of the value.
    pub content_type: String,
    /// The version of the context type that the value conforms to.
    pub version: String,
    /// The provider's tag for this state of the value; equal tags mean equal values.
    pub etag: String,
    /// When the provider held this to be the value; when it last confirmed it, if it did not say.
    pub as_of: SystemTime,
    /// How long the provider holds the value to stay true. Zero: not at all.
    pub ttl: Duration,
    /// How sensitive the value is; internal when nobody says.
    pub sensitivity: Sensitivity,
    /// How good the item is, from 0 to 1, as the router judges it.
    pub quality: Option<f64>,
    /// How good the value is, from 0 to 1, in the provider's own judgement.
    pub judgement: Option<f64>,
    /// Where the value comes from.
    pub provenance: Provenance,
    /// Names and values that describe the item.
    pub labels: BTreeMap<String, String>,
    /// Who owns the value in its source; empty when nobody is named.
    pub owner: String,
    /// Whether a policy had something of it masked, removed or cut.
    pub redacted: bool,
}

/// Where a value lies that is too large to carry, and what it must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Absolute, or beginning with "/": then it stands at the address of Weir. No credential is needed.
    pub url: String,
    /// The SHA-256 of the value.
    pub sha256: Bytes,
    /// The size of the value in bytes.
    pub size_bytes: u64,
    /// When the link stops working.
    pub expire_time: Option<SystemTime>,
}

/// Where an item comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The provider's name.
    pub provider: String,
    /// The provider's version.
    pub provider_version: String,
    /// The place within the source, such as a file name and line; empty when not told.
    pub source: String,
    /// The cleaners of the manifest that changed the value, such as `whitespace`.
    pub cleaned: Vec<String>,
}

/// How the router came by an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheStatus {
    /// Nothing was looked up.
    None,
    /// Fetched from the provider for this call.
    Miss,
    /// From the router's memory.
    HitMemory,
    /// From the cache that routers share.
    HitShared,
    /// From a cache, past its ttl; a refresh is under way.
    Stale,
    /// From a cache, confirmed by the provider for this call.
    Revalidated,
    /// Fetched once for several refs or callers.
    Coalesced,
    /// Fetched from the provider, which does not allow caching.
    Bypass,
}

impl CacheStatus {
    /// The name on the wire without prefix, such as `HIT_MEMORY`; `NONE` where nothing was looked up.
    pub fn name(self) -> &'static str {
        match self {
            CacheStatus::None => "NONE",
            CacheStatus::Miss => "MISS",
            CacheStatus::HitMemory => "HIT_MEMORY",
            CacheStatus::HitShared => "HIT_SHARED",
            CacheStatus::Stale => "STALE",
            CacheStatus::Revalidated => "REVALIDATED",
            CacheStatus::Coalesced => "COALESCED",
            CacheStatus::Bypass => "BYPASS",
        }
    }

    pub(crate) fn from_wire(number: i32) -> Self {
        match wire::CacheStatus::from_i32(number).unwrap_or_default() {
            wire::CacheStatus::Unspecified => CacheStatus::None,
            wire::CacheStatus::Miss => CacheStatus::Miss,
            wire::CacheStatus::HitMemory => CacheStatus::HitMemory,
            wire::CacheStatus::HitShared => CacheStatus::HitShared,
            wire::CacheStatus::Stale => CacheStatus::Stale,
            wire::CacheStatus::Revalidated => CacheStatus::Revalidated,
            wire::CacheStatus::Coalesced => CacheStatus::Coalesced,
            wire::CacheStatus::Bypass => CacheStatus::Bypass,
        }
    }
}

/// What became of one ref.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// The ref.
    pub reference: ContextRef,
    /// The position of the ref among those asked for, from 0.
    pub index: usize,
    /// How the router came by the outcome.
    pub cache: CacheStatus,
    /// How long ago the provider last confirmed the item. Zero: just now.
    pub age: Duration,
    /// The item, or why there is none.
    pub result: Result<Item, Refusal>,
}

impl Outcome {
    /// Reads a result off the wire. A payload that is not what its content type says becomes a refusal, so that one bad
    /// value spoils no batch.
    pub(crate) fn from_wire(reference: ContextRef, index: usize, wire: Option<wire::ItemResult>) -> Outcome {
        let wire = wire.unwrap_or_default();
        let age = wire.age.as_ref().map(duration_from_wire).unwrap_or_default();
        let result = match wire.outcome {
            Some(wire::item_result::Outcome::Item(item)) => read_item(item, age).map(|item| Item {
                quality: wire.quality,
                redacted: wire.redacted,
                ..item
            }),
            Some(wire::item_result::Outcome::Refusal(refusal)) => Err(refusal_from_wire(refusal)),
            None => {
                let text = "Weir gave no outcome for this ref";
                Err(Refusal::new(Code::Internal, Reason::Internal, text))
            }
        };
        Outcome { reference, index, cache: CacheStatus::from_wire(wire.cache), age, result }
    }
}

impl Item {
    /// The item with its value, read from bytes.
    pub(crate) fn with_bytes(self, bytes: Bytes) -> Result<Item, Refusal> {
        match Value::read(&self.content_type, &bytes) {
            Ok(value) => Ok(Item { value, bytes, ..self }),
            Err(error) => {
                let text = format!("the payload is not {}: {error}", self.content_type);
                Err(Refusal::new(Code::DataLoss, Reason::ProviderGarbage, text))
            }
        }
    }

    /// The value as a type of yours.
    ///
    /// # Errors
    /// `Error::Json`: it is not of this form, or lies at a link that was not followed.
    pub fn to<T: serde::de::DeserializeOwned>(&self) -> Result<T, crate::Error> {
        self.value.to()
    }
}

pub(crate) fn refusal_from_wire(wire: wire::Refusal) -> Refusal {
    Refusal {
        code: Code::from_number(wire.code),
        reason: Reason::from_i32(wire.reason).unwrap_or_default(),
        text: wire.text,
        retry_delay: wire.retry_delay.as_ref().map(duration_from_wire),
        offered_versions: wire.offered_versions,
    }
}

fn read_item(wire: wire::Item, age: Duration) -> Result<Item, Refusal> {
    use wire::item::Body;
    let (payload, url) = match wire.body {
        Some(Body::Url(url)) => (None, Some(url)),
        Some(Body::Payload(payload)) => (Some(payload), None),
        None => (Some(Bytes::new()), None),
    };
    let link = url.map(|url| Link {
        url,
        sha256: wire.sha256,
        size_bytes: wire.size_bytes,
        expire_time: wire.url_expire_time.as_ref().and_then(time_from_wire),
    });
    let provenance = wire.provenance.unwrap_or_default();
    let item = Item {
        value: Value::Linked,
        bytes: Bytes::new(),
        link,
        content_type: if wire.content_type.is_empty() { JSON_TYPE.to_owned() } else { wire.content_type },
        version: wire.version,
        etag: wire.etag,
        as_of: wire
            .as_of
            .as_ref()
            .and_then(time_from_wire)
            .or_else(|| SystemTime::now().checked_sub(age))
            .unwrap_or(SystemTime::UNIX_EPOCH),
        ttl: wire.ttl.as_ref().map(duration_from_wire).unwrap_or_default(),
        sensitivity: Sensitivity::from_wire(wire.sensitivity).unwrap_or(Sensitivity::Internal),
        quality: None,
        judgement: wire.quality,
        provenance: Provenance {
            provider: provenance.provider,
            provider_version: provenance.provider_version,
            source: provenance.source,
            cleaned: provenance.cleaned,
        },
        labels: wire.labels,
        owner: wire.owner,
        redacted: false,
    };
    match payload {
        Some(payload) => item.with_bytes(payload),
        None => Ok(item),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::item::Body;
    use wire::item_result::Outcome as WireOutcome;

    fn read(item: wire::Item) -> Outcome {
        let result = wire::ItemResult {
            outcome: Some(WireOutcome::Item(item)),
            quality: Some(0.5),
            ..Default::default()
        };
        Outcome::from_wire(ContextRef::new("A", "b"), 3, Some(result))
    }

    #[test]
    fn an_item_is_read_with_what_stands_beside_it() {
        let outcome = read(wire::Item {
            body: Some(Body::Payload(Bytes::from_static(b"[1]"))),
            quality: Some(0.25),
            ..Default::default()
        });
        assert_eq!(outcome.index, 3);
        let item = outcome.result.unwrap();
        assert_eq!(item.to::<Vec<u8>>().unwrap(), [1]);
        assert_eq!((item.quality, item.judgement), (Some(0.5), Some(0.25)));
        assert_eq!((item.content_type.as_str(), item.sensitivity), (JSON_TYPE, Sensitivity::Internal));
    }

    #[test]
    fn a_payload_that_is_not_what_it_says_is_a_refusal() {
        let body = Some(Body::Payload(Bytes::from_static(b"{")));
        let refusal = read(wire::Item { body, ..Default::default() }).result.unwrap_err();
        assert_eq!((refusal.code, refusal.reason), (Code::DataLoss, Reason::ProviderGarbage));
    }

    #[test]
    fn a_result_without_an_outcome_is_a_refusal() {
        let outcome = Outcome::from_wire(ContextRef::new("A", "b"), 0, None);
        assert_eq!(outcome.result.unwrap_err().code, Code::Internal);
    }
}
