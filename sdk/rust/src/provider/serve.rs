use std::fmt;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use http::Uri;

use super::definition::Provider;
use super::registration::{EventKind, OnEvent, ProviderEvent, Registration, RegistrationOptions};
use super::server::ProviderServer;
use super::service::OnFault;
use crate::consumer::{CallSettings, Weir};
use crate::error::Error;
use crate::proto::weir::registry::v1::registry_service::DEREGISTER_ENDPOINT;
use crate::proto::weir::registry::v1::DeregisterEndpointRequest;

/// How long Weir may take to answer one call.
const REGISTRY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long Weir may take to answer when the provider stops; it may itself be gone.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);
const DRAIN_DEFAULT: Duration = Duration::from_secs(10);
const HOST_DEFAULT: &str = "127.0.0.1";

/// Where a provider is served, and which Weir it registers with.
#[derive(Clone)]
pub struct ServeOptions {
    urls: Vec<String>,
    key: String,
    host: String,
    port: u16,
    public_url: Option<String>,
    replace: bool,
    token: Option<String>,
    drain: Duration,
    on_event: OnEvent,
}

impl ServeOptions {
    /// Where Weir listens, such as `http://127.0.0.1:7070`, and an API key that may register providers.
    pub fn new(url: impl Into<String>, key: impl Into<String>) -> Self {
        ServeOptions {
            urls: vec![url.into()],
            key: key.into(),
            host: HOST_DEFAULT.to_owned(),
            port: 0,
            public_url: None,
            replace: false,
            token: None,
            drain: DRAIN_DEFAULT,
            on_event: Arc::new(log_faults),
        }
    }

    /// Adds another address of Weir, used when the one before is UNAVAILABLE; at most 16.
    pub fn address(mut self, url: impl Into<String>) -> Self {
        self.urls.push(url.into());
        self
    }

    /// The address to listen on. Default: `127.0.0.1`.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    /// The port to listen on. Default: 0, any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The address that routers are told. Default: `http://<host>:<port>`.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Whether to replace another manifest under the same name and version. Default: no.
    pub fn replace(mut self, replace: bool) -> Self {
        self.replace = replace;
        self
    }

    /// A bearer token that routers must send. They resolve it from the provider's `bearer` reference. Default: none.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// How long calls under way may take to end when the provider stops. Default: 10 s.
    pub fn drain(mut self, time: Duration) -> Self {
        self.drain = time;
        self
    }

    /// Told of what happens, errors of your functions included. Default: those errors are written to stderr, and all else
    /// is silent.
    pub fn on_event(mut self, listener: impl Fn(ProviderEvent) + Send + Sync + 'static) -> Self {
        self.on_event = Arc::new(move |event| {
            // One that panics is reported by that, and does not break the registration.
            let _ = catch_unwind(AssertUnwindSafe(|| listener(event)));
        });
        self
    }
}

impl Provider {
    /// Serves the provider and registers it with the Weir at an address, with a key that may register providers. See
    /// [`Provider::serve_with`].
    ///
    /// # Errors
    /// As `serve_with`.
    pub async fn serve(self, url: &str, key: &str) -> Result<RunningProvider, Error> {
        self.serve_with(ServeOptions::new(url, key)).await
    }

    /// Serves the provider and registers it with Weir: publishes types that bring a schema, registers the manifest and the
    /// address, renews the lease, and registers all of it again when Weir has forgotten it. Weir need not be up yet: it is
    /// tried until it is there. Returns once registered; dropping it before stops everything.
    ///
    /// # Errors
    /// `Error::Call`: Weir refuses for good: a faulty manifest, a wrong key, other content under the same name and version
    /// without `replace`. `Error::Config`: the declaration or an option cannot be right. `Error::Listen`: the address cannot
    /// be listened on.
    pub async fn serve_with(self, options: ServeOptions) -> Result<RunningProvider, Error> {
        self.check()?;
        check_address(&options)?;
        let builder = Weir::builder().key(&options.key).timeout(REGISTRY_TIMEOUT).retries(0);
        let weir = options.urls.iter().fold(builder, |builder, url| builder.address(url)).build()?;
        let on_event = options.on_event.clone();
        let on_fault: OnFault = Arc::new(move |fault| {
            let text = format!("{}: {}", fault.what, fault.error);
            on_event(ProviderEvent::new(EventKind::FunctionFailed, text));
        });
        let token = options.token.as_deref();
        let server = ProviderServer::open(self.clone(), &options.host, options.port, token, on_fault).await?;
        let default_url = || format!("http://{}:{}", in_url(&options.host), server.port);
        let endpoint_url = options.public_url.clone().unwrap_or_else(default_url);
        let (registration, first) = Registration::open(RegistrationOptions {
            provider: self,
            weir: weir.clone(),
            endpoint_url: endpoint_url.clone(),
            replace: options.replace,
            on_event: options.on_event.clone(),
        });
        let running = RunningProvider {
            endpoint_url,
            drain: options.drain,
            on_event: options.on_event,
            weir,
            server,
            registration,
        };
        match first.await {
            Ok(Ok(())) => Ok(running),
            Ok(Err(error)) => {
                running.close().await;
                Err(error.into())
            }
            Err(_) => Err(Error::Config("the registration ended: the runtime is shutting down".to_owned())),
        }
    }

    /// Serves the provider until the process is told to stop, by Ctrl-C or SIGTERM, and drains it then.
    ///
    /// # Errors
    /// As [`Provider::serve_with`].
    pub async fn run(self, url: &str, key: &str) -> Result<(), Error> {
        self.run_with(ServeOptions::new(url, key)).await
    }

    /// Serves the provider, with options, until the process is told to stop, by Ctrl-C or SIGTERM, and drains it then.
    ///
    /// # Errors
    /// As [`Provider::serve_with`].
    pub async fn run_with(self, options: ServeOptions) -> Result<(), Error> {
        let stop = stop_signal();
        tokio::pin!(stop);
        let running = tokio::select! {
            running = self.serve_with(options) => running?,
            () = stop.as_mut() => return Ok(()),
        };
        stop.await;
        running.close().await;
        Ok(())
    }
}

/// A provider that is served and registered. Dropping it stops it at once, without draining.
pub struct RunningProvider {
    endpoint_url: String,
    drain: Duration,
    on_event: OnEvent,
    weir: Weir,
    server: ProviderServer,
    registration: Registration,
}

impl RunningProvider {
    /// The address that routers are told.
    pub fn url(&self) -> &str {
        &self.endpoint_url
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// Drains and stops: routers are told to go elsewhere, calls under way are answered first.
    pub async fn close(mut self) {
        // In this order no router is sent to an address that no longer answers.
        self.registration.stop().await;
        self.server.stop_serving();
        if self.registration.endpoint_id().is_some() {
            self.tell(EventKind::Draining, "no new calls are wanted");
        }
        self.leave(true).await;
        self.server.idle(self.drain).await;
        self.leave(false).await;
        let on_event = self.on_event.clone();
        self.server.close().await;
        on_event(ProviderEvent::new(EventKind::Closed, "the provider has stopped"));
    }

    async fn leave(&self, drain: bool) {
        if let Some(endpoint_id) = self.registration.endpoint_id() {
            let request = DeregisterEndpointRequest { endpoint_id, drain };
            let settings = CallSettings { timeout: Some(FAREWELL_TIMEOUT) };
            // When Weir does not hear it, the lease runs out.
            let _ = self.weir.unary(&DEREGISTER_ENDPOINT, &request, &settings).await;
        }
    }

    fn tell(&self, kind: EventKind, text: &str) {
        (self.on_event)(ProviderEvent::new(kind, text));
    }
}

impl fmt::Debug for RunningProvider {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "RunningProvider({})", self.endpoint_url)
    }
}

fn check_address(options: &ServeOptions) -> Result<(), Error> {
    let host = &options.host;
    let fault = match &options.public_url {
        None if host == "0.0.0.0" || host == "::" => {
            format!("host {host} is no address to be called at: give public_url too")
        }
        Some(url) if !is_http(url) => format!("public_url \"{url}\" is not an http or https URL"),
        _ => return Ok(()),
    };
    Err(Error::Config(fault))
}

fn is_http(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    let scheme = uri.as_ref().and_then(Uri::scheme);
    scheme == Some(&Scheme::HTTP) || scheme == Some(&Scheme::HTTPS)
}

fn in_url(host: &str) -> String {
    match host.contains(':') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    }
}

fn log_faults(event: ProviderEvent) {
    if event.kind == EventKind::FunctionFailed {
        eprintln!("provider failed at {}", event.text);
    }
}

#[cfg(unix)]
async fn stop_signal() {
    use tokio::signal::unix::{signal, SignalKind};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn stop_signal() {
    let _ = tokio::signal::ctrl_c().await;
}
