use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{watch, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::definition::Provider;
use super::service::{OnFault, ProviderService};
use crate::error::Error;
use crate::grpc::serve_connection;

const CONNECTIONS_MAX: usize = 1_000;
/// How long a peer may take to end its connection once nothing is under way.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long to wait when the system has no socket to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listening provider. Dropping it ends all connections, and with them the calls still under way.
pub(super) struct ProviderServer {
    pub(super) port: u16,
    stopping: watch::Sender<bool>,
    closing: watch::Sender<bool>,
    under_way: watch::Receiver<usize>,
    accepting: JoinHandle<()>,
}

impl ProviderServer {
    /// Serves a provider and gRPC health over clear-text HTTP/2.
    pub(super) async fn open(
        provider: Provider,
        host: &str,
        port: u16,
        token: Option<&str>,
        on_fault: OnFault,
    ) -> Result<ProviderServer, Error> {
        let refused = |cause| Error::Listen { address: format!("{host}:{port}"), cause };
        let listener = TcpListener::bind((host, port)).await.map_err(refused)?;
        let port = listener.local_addr().map_err(refused)?.port();
        let (stopping, is_stopping) = watch::channel(false);
        let (closing, is_closing) = watch::channel(false);
        let service = Arc::new(ProviderService::new(provider, token, on_fault, is_stopping));
        let under_way = service.under_way();
        let accepting = tokio::spawn(accept(listener, service, is_closing));
        Ok(ProviderServer { port, stopping, closing, under_way, accepting })
    }

    /// Reports itself as not serving; calls are still answered.
    pub(super) fn stop_serving(&self) {
        self.stopping.send_replace(true);
    }

    /// Returns once no call is under way, and after `within` at the latest.
    pub(super) async fn idle(&mut self, within: Duration) {
        let under_way = &mut self.under_way;
        let _ = timeout(within, async {
            loop {
                let count = *under_way.borrow_and_update();
                if count == 0 || under_way.changed().await.is_err() {
                    return;
                }
            }
        })
        .await;
    }

    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        *self.under_way.borrow() == 0
    }

    /// Ends all connections.
    pub(super) async fn close(mut self) {
        self.stop_serving();
        self.closing.send_replace(true);
        let _ = timeout(FAREWELL, &mut self.accepting).await;
    }
}

impl Drop for ProviderServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Takes connections until it is closing; then returns when those that there are have ended.
async fn accept(listener: TcpListener, service: Arc<ProviderService>, mut closing: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let is_closing = closing.clone();
    // Ends the connections when it is dropped.
    let mut connections = JoinSet::new();
    loop {
        let socket = tokio::select! {
            _ = closing.changed() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match (socket, room.clone().try_acquire_owned()) {
            (Ok((socket, _)), Ok(permit)) => {
                let (service, is_closing) = (service.clone(), is_closing.clone());
                connections.spawn(async move {
                    serve_connection(socket, service, is_closing).await;
                    drop(permit);
                });
            }
            // One too many is hung up on.
            (Ok(_), Err(_)) => {}
            (Err(_), _) => sleep(ACCEPT_PAUSE).await,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
