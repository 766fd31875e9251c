use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::FutureExt;
use prost::bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::context::{Caller, Scope};
use super::error::{BoxError, ProviderError};
use crate::grpc::Code;
use crate::proto::weir::provider::v1 as wire;
use crate::sensitivity::Sensitivity;
use crate::value::JSON_TYPE;

pub use wire::Severity;

/// A call of an operation. When nobody wants the result any more, the function's future is dropped.
#[non_exhaustive]
pub struct OperationCall {
    /// The arguments. Routers hold them to the input schema wherever they can.
    pub arguments: Map<String, Value>,
    /// For whom.
    pub caller: Arc<Caller>,
    /// When the result must be there.
    pub deadline: Instant,
    /// Whether anybody wants to know how far the operation is.
    pub wants_progress: bool,
    pub(super) min_severity: i32,
    pub(super) told: mpsc::Sender<wire::CallResponse>,
}

impl OperationCall {
    /// The arguments as a type of yours.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, with what is wrong: pass it on with `?`, and the caller is told.
    pub fn arguments_as<T: DeserializeOwned>(&self) -> Result<T, ProviderError> {
        T::deserialize(Value::Object(self.arguments.clone())).map_err(|error| {
            ProviderError::new(Code::InvalidArgument, format!("the arguments cannot be read: {error}"))
        })
    }

    /// Tells how far the operation is, and what that grows to; dropped when nobody wants to know, or 1,000 messages wait.
    pub fn progress(&self, progress: f64, total: Option<f64>, text: impl Into<String>) {
        if !self.wants_progress {
            return;
        }
        let text = text.into();
        self.tell(wire::call_response::Message::Progress(wire::Progress { progress, total, text }));
    }

    /// Says something of the operation; dropped when it matters less than the caller wants to know.
    pub fn log(&self, severity: Severity, data: &Value) {
        let is_wanted =
            self.min_severity != Severity::Unspecified as i32 && severity as i32 >= self.min_severity;
        if is_wanted {
            self.tell(wire::call_response::Message::Log(wire::LogMessage {
                severity: severity as i32,
                logger: String::new(),
                data: data.to_string().into(),
            }));
        }
    }

    fn tell(&self, message: wire::call_response::Message) {
        // A router that is too slow misses some.
        let _ = self.told.try_send(wire::CallResponse { message: Some(message) });
    }
}

impl fmt::Debug for OperationCall {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("OperationCall")
            .field("arguments", &self.arguments)
            .field("caller", &self.caller)
            .field("wants_progress", &self.wants_progress)
            .finish_non_exhaustive()
    }
}

/// What an operation returns.
pub struct OperationAnswer {
    pub(super) payload: serde_json::Result<Bytes>,
    pub(super) content_type: String,
    pub(super) is_error: bool,
    pub(super) sensitivity: Option<Sensitivity>,
}

impl OperationAnswer {
    /// The result, a value that is sent as JSON. One that has no JSON is an error of the function.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Self {
        OperationAnswer {
            payload: serde_json::to_vec(value).map(Bytes::from),
            content_type: JSON_TYPE.to_owned(),
            is_error: false,
            sensitivity: None,
        }
    }

    /// The operation itself failed; the value says how, for whoever called it.
    pub fn failed<T: Serialize + ?Sized>(value: &T) -> Self {
        OperationAnswer { is_error: true, ..OperationAnswer::json(value) }
    }

    /// Another media type of JSON, such as `application/vnd.weir.tool-result+json` for a result made of pieces, or
    /// `application/vnd.weir.prompt+json` for a prompt.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = content_type.into();
        self
    }

    /// How sensitive it is. Default: the operation's.
    pub fn sensitivity(mut self, sensitivity: Sensitivity) -> Self {
        self.sensitivity = Some(sensitivity);
        self
    }
}

pub(super) type OperationFunction =
    Arc<dyn Fn(OperationCall) -> BoxFuture<'static, Result<OperationAnswer, BoxError>> + Send + Sync>;

/// Something that a provider can do besides give context.
#[derive(Clone)]
pub struct Operation {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) is_prompt: bool,
    pub(super) input: Option<Value>,
    pub(super) output: Option<Value>,
    pub(super) read_only: Option<bool>,
    pub(super) destructive: Option<bool>,
    pub(super) idempotent: Option<bool>,
    pub(super) open_world: Option<bool>,
    pub(super) timeout: Option<Duration>,
    pub(super) ttl: Option<Duration>,
    pub(super) scope: Option<Scope>,
    pub(super) sensitivity: Option<Sensitivity>,
    pub(super) call: Option<OperationFunction>,
}

impl Operation {
    /// An operation by its name, unique in the provider: 1 to 128 of A-Z, a-z, 0-9, "_", "-" and ".". It needs `call`.
    pub fn new(name: impl Into<String>) -> Self {
        Operation {
            name: name.into(),
            title: String::new(),
            description: String::new(),
            is_prompt: false,
            input: None,
            output: None,
            read_only: None,
            destructive: None,
            idempotent: None,
            open_world: None,
            timeout: None,
            ttl: None,
            scope: None,
            sensitivity: None,
            call: None,
        }
    }

    /// Does it. Return a [`ProviderError`] to say why it cannot be done; of any other error callers only learn that there
    /// was one.
    pub fn call<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(OperationCall) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<OperationAnswer, BoxError>> + Send + 'static,
    {
        self.call = Some(Arc::new(move |call| function(call).boxed()));
        self
    }

    /// What people call it.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// What it does, for whoever decides whether to call it; at most 16 KiB.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// It makes the beginning of a conversation. Default: it is a tool, for models.
    pub fn prompt(mut self) -> Self {
        self.is_prompt = true;
        self
    }

    /// The JSON Schema of the arguments, an object. Default: any object.
    pub fn input(mut self, schema: Value) -> Self {
        self.input = Some(schema);
        self
    }

    /// The JSON Schema of what it returns. Default: not stated.
    pub fn output(mut self, schema: Value) -> Self {
        self.output = Some(schema);
        self
    }

    /// Whether it changes nothing. Default: it may.
    pub fn read_only(mut self, is: bool) -> Self {
        self.read_only = Some(is);
        self
    }

    /// Whether what it changes may be lost. Default: it may.
    pub fn destructive(mut self, is: bool) -> Self {
        self.destructive = Some(is);
        self
    }

    /// Whether calling it once more changes nothing more: routers may then. Default: it may change something.
    pub fn idempotent(mut self, is: bool) -> Self {
        self.idempotent = Some(is);
        self
    }

    /// Whether it reaches things outside of the provider. Default: it may.
    pub fn open_world(mut self, is: bool) -> Self {
        self.open_world = Some(is);
        self
    }

    /// The time for one call, up to 10 min. Default: the provider's.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long a result stays true; only where it is read-only. Default: not cached.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Among whom a cached result may be shared. Default: the tenant, or the principal that is told.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// How sensitive results are. Default: internal.
    pub fn sensitivity(mut self, sensitivity: Sensitivity) -> Self {
        self.sensitivity = Some(sensitivity);
        self
    }
}
