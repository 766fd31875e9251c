use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::BoxFuture;
use futures_util::FutureExt;
use serde_json::{Map, Value};

use super::answer::Answer;
use super::error::BoxError;
use crate::json::struct_from_wire;
use crate::proto::weir::provider::v1 as wire;
use crate::proto::weir::registry::v1::{CacheScope, SchemaCheck as WireSchemaCheck};
use crate::sensitivity::Sensitivity;

/// For whom a provider is asked. Never holds the caller's credentials.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Caller {
    /// The tenant.
    pub tenant: String,
    /// The principal; empty unless the provider wants to know it.
    pub principal: String,
    /// The attributes of the principal that the provider asks for.
    pub attributes: Map<String, Value>,
}

impl Caller {
    pub(super) fn from_wire(wire: Option<wire::Caller>) -> Arc<Caller> {
        let wire = wire.unwrap_or_default();
        Arc::new(Caller {
            tenant: wire.tenant,
            principal: wire.principal,
            attributes: wire.attributes.as_ref().map(struct_from_wire).unwrap_or_default(),
        })
    }
}

/// One value to fetch. When nobody wants the answer any more, the function's future is dropped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Query {
    /// The key.
    pub key: String,
    /// The etag of the value that the router holds; empty when it holds none.
    pub known_etag: String,
    /// For whom.
    pub caller: Arc<Caller>,
    /// When the answer must be there; the future is dropped then.
    pub deadline: Instant,
}

/// What to list. When nobody wants the answer any more, the function's future is dropped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListQuery {
    /// Only keys that begin with this. Empty: all.
    pub key_prefix: String,
    /// Only what matches these words, best first. Empty: all, by key.
    pub text: String,
    /// The greatest number of entries to return; at least 1.
    pub page_size: usize,
    /// Where to go on: your `next_page_token` of the page before. Empty: at the beginning.
    pub page_token: String,
    /// For whom.
    pub caller: Arc<Caller>,
    /// When the answer must be there.
    pub deadline: Instant,
}

/// A key that can be fetched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListEntry {
    /// The key.
    pub key: String,
    /// What it is called, for people.
    pub title: String,
    /// A few words of it, or about it.
    pub summary: String,
    /// How well it matches the words asked for, from 0 to 1.
    pub score: f64,
    /// When it last changed.
    pub update_time: Option<SystemTime>,
    /// How sensitive the item is: policies decide by it who finds it. Default: the context's.
    pub sensitivity: Option<Sensitivity>,
    /// The item's labels, for policies.
    pub labels: BTreeMap<String, String>,
    /// The item's owner, for policies.
    pub owner: String,
    /// The media type of the value, when it is known.
    pub content_type: String,
    /// The size of the value in bytes, when it is known.
    pub size_bytes: Option<u64>,
}

impl ListEntry {
    /// An entry with a key and what people call it.
    pub fn new(key: impl Into<String>, title: impl Into<String>) -> Self {
        ListEntry { key: key.into(), title: title.into(), ..Default::default() }
    }
}

/// A page of keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListPage {
    /// The entries; at most as many as were asked for.
    pub entries: Vec<ListEntry>,
    /// Where the next page begins. Empty: this is the last page.
    pub next_page_token: String,
}

/// Among whom a cached value may be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All principals of the tenant.
    Tenant,
    /// One principal.
    Principal,
    /// Nobody: values are never cached.
    Nobody,
}

impl Scope {
    pub(super) fn to_wire(scope: Option<Scope>) -> i32 {
        let wire = match scope {
            None => CacheScope::Unspecified,
            Some(Scope::Tenant) => CacheScope::Tenant,
            Some(Scope::Principal) => CacheScope::Principal,
            Some(Scope::Nobody) => CacheScope::None,
        };
        wire as i32
    }
}

/// What routers do with values that break the schema of the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaCheck {
    /// Nothing: values are not checked.
    Skip,
    /// Breaking the schema lowers the quality.
    Score,
    /// Values that break the schema are refused.
    Require,
}

impl SchemaCheck {
    pub(super) fn to_wire(check: Option<SchemaCheck>) -> i32 {
        let wire = match check {
            None => WireSchemaCheck::Unspecified,
            Some(SchemaCheck::Skip) => WireSchemaCheck::None,
            Some(SchemaCheck::Score) => WireSchemaCheck::Score,
            Some(SchemaCheck::Require) => WireSchemaCheck::Require,
        };
        wire as i32
    }
}

/// What becomes of a query. `None`: there is no such key.
pub(super) type FetchResult = Result<Option<Answer>, BoxError>;
type Function<Q, R> = Arc<dyn Fn(Q) -> BoxFuture<'static, R> + Send + Sync>;

#[derive(Clone)]
pub(super) enum Fetch {
    One(Function<Query, FetchResult>),
    Many(Function<Vec<Query>, Result<Vec<FetchResult>, BoxError>>),
}

/// A context type that a provider offers, and the functions that get its values.
#[derive(Clone)]
pub struct Context {
    pub(super) type_name: String,
    pub(super) version: String,
    pub(super) schema: Option<Value>,
    pub(super) title: String,
    pub(super) key_prefix: String,
    pub(super) scope: Option<Scope>,
    pub(super) ttl: Option<Duration>,
    pub(super) stale_while_revalidate: Option<Duration>,
    pub(super) negative_ttl: Option<Duration>,
    pub(super) sensitivity: Option<Sensitivity>,
    pub(super) schema_check: Option<SchemaCheck>,
    pub(super) complete_fields: Vec<String>,
    pub(super) fetch: Option<Fetch>,
    pub(super) list: Option<Function<ListQuery, Result<ListPage, BoxError>>>,
}

impl Context {
    /// A context by the name of its type, such as `DocChunk`, and the version of the type that the values conform to,
    /// semver. It needs `fetch` or `fetch_many`.
    pub fn new(type_name: impl Into<String>, version: impl Into<String>) -> Self {
        Context {
            type_name: type_name.into(),
            version: version.into(),
            schema: None,
            title: String::new(),
            key_prefix: String::new(),
            scope: None,
            ttl: None,
            stale_while_revalidate: None,
            negative_ttl: None,
            sensitivity: None,
            schema_check: None,
            complete_fields: Vec::new(),
            fetch: None,
            list: None,
        }
    }

    /// Gets one value; `None` when there is no such key. Return a [`super::ProviderError`] to say what went wrong; of any
    /// other error callers only learn that there was one.
    pub fn fetch<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(Query) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Answer>, BoxError>> + Send + 'static,
    {
        self.fetch = Some(Fetch::One(Arc::new(move |query| function(query).boxed())));
        self
    }

    /// Gets many values at once, for sources that can; the answers stand in the order of the queries. In place of `fetch`.
    /// An error among the answers fails that query alone.
    pub fn fetch_many<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(Vec<Query>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<Result<Option<Answer>, BoxError>>, BoxError>> + Send + 'static,
    {
        self.fetch = Some(Fetch::Many(Arc::new(move |queries| function(queries).boxed())));
        self
    }

    /// Lists keys. Default: the type cannot be listed.
    pub fn list<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(ListQuery) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<ListPage, BoxError>> + Send + 'static,
    {
        self.list = Some(Arc::new(move |query| function(query).boxed()));
        self
    }

    /// The JSON Schema (2020-12) of the values, an object. Given for a type of your own, it is published before the
    /// provider is registered; left out for built-in types and types published elsewhere.
    pub fn schema(mut self, schema: Value) -> Self {
        self.schema = Some(schema);
        self
    }

    /// What people call the type; used when it is published.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// The provider has only keys that begin with this. Default: any key.
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.key_prefix = prefix.into();
        self
    }

    /// Among whom a cached value may be shared. Default: the tenant, or the principal when the provider is told of it.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// How long a value stays true when it does not say. Default: not cached.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How long past that it may be served while it is refreshed. Default: not at all.
    pub fn stale_while_revalidate(mut self, time: Duration) -> Self {
        self.stale_while_revalidate = Some(time);
        self
    }

    /// How long the absence of a key may be remembered, at most 5 min. Default: 1 s.
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.negative_ttl = Some(ttl);
        self
    }

    /// How sensitive values are when they do not say. Default: internal.
    pub fn sensitivity(mut self, sensitivity: Sensitivity) -> Self {
        self.sensitivity = Some(sensitivity);
        self
    }

    /// What routers do with values that break the schema of the type. Default: nothing.
    pub fn schema_check(mut self, check: SchemaCheck) -> Self {
        self.schema_check = Some(check);
        self
    }

    /// What a complete value has: JSON Pointers to fields that are neither absent, null nor empty; at most 64. Default:
    /// those that the schema requires at its top, when values are checked.
    pub fn complete_fields<I, T>(mut self, fields: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        self.complete_fields = fields.into_iter().map(Into::into).collect();
        self
    }
}
