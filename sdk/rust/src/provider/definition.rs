use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::context::{Context, SchemaCheck, Scope};
use super::faults::provider_faults;
use super::operation::Operation;
use crate::error::Error;
use crate::json::struct_to_wire;
use crate::proto::weir::registry::v1 as wire;
use crate::sensitivity::Sensitivity;
use crate::time::duration_to_wire;

const CONCURRENCY_DEFAULT: usize = 64;

/// How much one router may ask of a provider at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Calls under way, 1 to 1,000. What is beyond waits for a moment, then is refused. Default: 64.
    pub concurrent_calls: Option<u32>,
    /// Calls begun in a second, 1 to 100,000. Default: any number.
    pub calls_per_second: Option<u32>,
    /// Bytes of all values of one answer, 4,096 to 1 GiB; what is beyond is refused. Default: 64 MiB.
    pub response_bytes: Option<u64>,
}

/// A provider: what it is called, and what it offers.
#[derive(Clone)]
pub struct Provider {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) tags: Vec<String>,
    pub(super) category: String,
    pub(super) owner: String,
    pub(super) weight: Option<u32>,
    pub(super) priority: i32,
    pub(super) timeout: Option<Duration>,
    pub(super) limits: Option<Limits>,
    pub(super) hedge_after: Option<Duration>,
    pub(super) wants_principal: bool,
    pub(super) principal_attributes: Vec<String>,
    pub(super) bearer: Option<String>,
    pub(super) concurrency: usize,
    pub(super) contexts: Vec<Context>,
    pub(super) operations: Vec<Operation>,
}

impl Provider {
    /// A provider by its name, unique in the tenant: 1 to 63 of a-z, 0-9 and "-", beginning with a letter; and its
    /// version, semver. It needs a context or an operation.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Provider {
            name: name.into(),
            version: version.into(),
            title: String::new(),
            description: String::new(),
            tags: Vec::new(),
            category: String::new(),
            owner: String::new(),
            weight: None,
            priority: 0,
            timeout: None,
            limits: None,
            hedge_after: None,
            wants_principal: false,
            principal_attributes: Vec::new(),
            bearer: None,
            concurrency: CONCURRENCY_DEFAULT,
            contexts: Vec::new(),
            operations: Vec::new(),
        }
    }

    /// Offers a context.
    pub fn context(mut self, context: Context) -> Self {
        self.contexts.push(context);
        self
    }

    /// Offers an operation; at most 1,000.
    pub fn operation(mut self, operation: Operation) -> Self {
        self.operations.push(operation);
        self
    }

    /// What people call it.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// What it is, in a few sentences.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Adds a word to find it by.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// What kind of source it is, such as `documents` or `database`.
    pub fn category(mut self, category: impl Into<String>) -> Self {
        self.category = category.into();
        self
    }

    /// Who answers for it.
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = owner.into();
        self
    }

    /// This version's share among the live ones, 0 (only when pinned) to 1,000. Default: 100.
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = Some(weight);
        self
    }

    /// Which of several providers of a type is asked first: the higher. Default: 0.
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// The time that one call of a router may take, up to 60 s. Default: 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How much one router may ask at once. Default: 64 calls, 64 MiB in one answer.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// When a call has brought nothing for so long, it is made once more, to another endpoint, and the first answer counts;
    /// 10 ms to 60 s. Set it only when asking twice does no harm. Default: never.
    pub fn hedge_after(mut self, time: Duration) -> Self {
        self.hedge_after = Some(time);
        self
    }

    /// Wants to be told who the principal is. Default: it is not.
    pub fn wants_principal(mut self) -> Self {
        self.wants_principal = true;
        self
    }

    /// Wants to be told an attribute of the principal. Default: none.
    pub fn principal_attribute(mut self, name: impl Into<String>) -> Self {
        self.principal_attributes.push(name.into());
        self
    }

    /// Where routers find the token that `ServeOptions::token` requires, such as `secret://docs-token`.
    pub fn bearer(mut self, reference: impl Into<String>) -> Self {
        self.bearer = Some(reference.into());
        self
    }

    /// How many queries of one batch run at once. Default: 64.
    pub fn concurrency(mut self, count: usize) -> Self {
        self.concurrency = count;
        self
    }

    /// Checks the declaration, as serving and testing it do.
    ///
    /// # Errors
    /// `Error::Config` names each fault.
    pub fn check(&self) -> Result<(), Error> {
        let faults = provider_faults(self);
        match faults.is_empty() {
            true => Ok(()),
            false => Err(Error::Config(format!("provider {}: {}", self.name, faults.join("; ")))),
        }
    }

    /// The manifest that it is registered with.
    pub fn manifest(&self) -> wire::ProviderManifest {
        wire::ProviderManifest {
            name: self.name.clone(),
            version: self.version.clone(),
            title: self.title.clone(),
            description: self.description.clone(),
            tags: self.tags.clone(),
            category: self.category.clone(),
            owner: self.owner.clone(),
            contexts: self.contexts.iter().map(context_offer).collect(),
            weight: self.weight,
            timeout: self.timeout.map(duration_to_wire),
            wants_principal: self.wants_principal,
            principal_attributes: self.principal_attributes.clone(),
            authentication: self.bearer.clone().map(|bearer| wire::ProviderAuthentication { bearer }),
            priority: self.priority,
            limits: self.limits.map(limits_to_wire),
            hedge_after: self.hedge_after.map(duration_to_wire),
            operations: self.operations.iter().map(operation_offer).collect(),
            ..Default::default()
        }
    }

    /// The manifests of the types that it brings along with a schema of its own.
    pub(super) fn type_manifests(&self) -> Vec<wire::ContextTypeManifest> {
        let own = self.contexts.iter().filter(|context| context.schema.is_some());
        own.map(|context| wire::ContextTypeManifest {
            name: context.type_name.clone(),
            version: context.version.clone(),
            title: context.title.clone(),
            schema: schema_to_wire(&context.schema),
            ..Default::default()
        })
        .collect()
    }

    /// The context of a type. Any version: empty.
    pub(super) fn find_context(&self, type_name: &str, version: &str) -> Option<&Context> {
        let mut contexts = self.contexts.iter();
        contexts.find(|each| each.type_name == type_name && (version.is_empty() || each.version == version))
    }

    /// `name@version`, for people.
    pub(super) fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Provider({})", self.label())
    }
}

fn context_offer(context: &Context) -> wire::ContextOffer {
    wire::ContextOffer {
        r#type: context.type_name.clone(),
        version: context.version.clone(),
        key_prefix: context.key_prefix.clone(),
        scope: Scope::to_wire(context.scope),
        ttl: context.ttl.map(duration_to_wire),
        stale_while_revalidate: context.stale_while_revalidate.map(duration_to_wire),
        negative_ttl: context.negative_ttl.map(duration_to_wire),
        sensitivity: Sensitivity::to_wire(context.sensitivity),
        listable: context.list.is_some(),
        schema_check: SchemaCheck::to_wire(context.schema_check),
        complete_fields: context.complete_fields.clone(),
        ..Default::default()
    }
}

fn operation_offer(operation: &Operation) -> wire::OperationOffer {
    let kind = match operation.is_prompt {
        true => wire::OperationKind::Prompt,
        false => wire::OperationKind::Tool,
    };
    wire::OperationOffer {
        name: operation.name.clone(),
        title: operation.title.clone(),
        description: operation.description.clone(),
        kind: kind as i32,
        input_schema: schema_to_wire(&operation.input),
        output_schema: schema_to_wire(&operation.output),
        hints: Some(wire::OperationHints {
            read_only: operation.read_only,
            destructive: operation.destructive,
            idempotent: operation.idempotent,
            open_world: operation.open_world,
        }),
        timeout: operation.timeout.map(duration_to_wire),
        sensitivity: Sensitivity::to_wire(operation.sensitivity),
        ttl: operation.ttl.map(duration_to_wire),
        scope: Scope::to_wire(operation.scope),
        annotations: None,
    }
}

fn schema_to_wire(schema: &Option<Value>) -> Option<prost_types::Struct> {
    schema.as_ref().and_then(Value::as_object).map(struct_to_wire)
}

fn limits_to_wire(limits: Limits) -> wire::ProviderLimits {
    wire::ProviderLimits {
        concurrent_calls: limits.concurrent_calls,
        calls_per_second: limits.calls_per_second,
        response_bytes: limits.response_bytes,
    }
}
