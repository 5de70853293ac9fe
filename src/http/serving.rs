//! Listening: the TCP address for everybody with a key, the local socket for the hub's owner.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use axum::{Extension, ServiceExt, extract::Request};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
};
use tower::Layer;

use super::{Api, Local, service};

/// Where the hub listens.
#[derive(Debug)]
pub struct Listeners {
    pub tcp: TcpListener,
    /// Its file must let in only its owner.
    pub local: Option<UnixListener>,
}

/// Serves until `stopping` turns true; requests in flight may then still take `grace`.
pub async fn serve(
    api: Api,
    listeners: Listeners,
    stopping: watch::Receiver<bool>,
    grace: Duration,
) -> io::Result<()> {
    let service = service(api);
    let stop = |mut stopping: watch::Receiver<bool>| async move {
        // A sender that is gone means the same as one that says stop.
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    let tcp = axum::serve(
        listeners.tcp,
        ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(service.clone()),
    )
    .with_graceful_shutdown(stop(stopping.clone()));
    let local = async {
        let Some(listener) = listeners.local else { return Ok(()) };
        let service = ServiceExt::<Request>::into_make_service(Extension(Local).layer(service));
        axum::serve(listener, service).with_graceful_shutdown(stop(stopping.clone())).await
    };
    let mut told = stopping.clone();
    let both = async { tokio::try_join!(tcp.into_future(), local).map(|_| ()) };
    tokio::pin!(both);
    tokio::select! {
        ended = &mut both => return ended,
        _ = told.wait_for(|stop| *stop) => {}
    }
    ended_within(grace, both).await
}

async fn ended_within(
    grace: Duration,
    serving: impl Future<Output = io::Result<()>>,
) -> io::Result<()> {
    tokio::time::timeout(grace, serving).await.unwrap_or_else(|_| {
        tracing::warn!("Requests in flight did not end in time and are cut off.");
        Ok(())
    })
}
