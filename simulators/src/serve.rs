//! The world on sockets: an axum router, and a listener whose connections a fault can cut.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, connect_info::Connected},
    response::Response,
    serve::{IncomingStream, Listener},
};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

use crate::{
    call::{Cut, Delivery},
    post,
    world::World,
};

const LARGEST_REQUEST: usize = 64 << 20;

impl World {
    /// A router that answers for this world.
    ///
    /// Behind [`serve`], cut connections are really cut; elsewhere they are bodies that fail.
    pub fn router(&self) -> Router {
        let world = self.clone();
        Router::new().fallback(move |request: Request| {
            let world = world.clone();
            async move { Ok::<_, Infallible>(routed(&world, request).await) }
        })
    }
}

/// Serves a world on a listener until the task is dropped.
///
/// # Errors
///
/// When the listener fails.
pub async fn serve(world: World, listener: TcpListener) -> io::Result<()> {
    let service = world.router().into_make_service_with_connect_info::<Scissors>();
    let delivering = post::deliver(world);
    tokio::select! {
        served = async { axum::serve(Cuttable(listener), service).await } => served,
        () = delivering => Ok(()),
    }
}

async fn routed(world: &World, request: Request) -> Response {
    let scissors =
        request.extensions().get::<ConnectInfo<Scissors>>().map(|ConnectInfo(s)| s.clone());
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, LARGEST_REQUEST).await else { return broken() };
    match world.deliver(http::Request::from_parts(parts, bytes)).await {
        Ok(reply) => sent(world, reply),
        Err(Cut::BeforeApply | Cut::AfterApply | Cut::MidBody(_)) => {
            if let Some(scissors) = scissors {
                scissors.0.store(true, Ordering::SeqCst);
            }
            broken()
        }
    }
}

fn cut_error() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "cut by a fault")
}

fn broken() -> Response {
    let mut response =
        Response::new(Body::from_stream(stream::iter([Err::<Bytes, _>(cut_error())])));
    *response.status_mut() = http::StatusCode::BAD_GATEWAY;
    response
}

fn sent(world: &World, reply: http::Response<Bytes>) -> Response {
    let (mut parts, body) = reply.into_parts();
    let delivery = parts.extensions.remove::<Delivery>().unwrap_or_default();
    let body = match delivery {
        Delivery::Whole => Body::from(body),
        Delivery::Chunked => Body::from_stream(stream::iter([Ok::<_, io::Error>(body)])),
        Delivery::Cut { keep } if keep < body.len() => {
            parts.headers.insert("content-length", body.len().into());
            cut_short(body.slice(..keep))
        }
        Delivery::Cut { .. } => Body::from(body),
        Delivery::Drip { bytes, pause_ms } => dripping(world.clone(), body, bytes.max(1), pause_ms),
    };
    Response::from_parts(parts, body)
}

/// The pause lets the part go out before the error ends the connection.
fn cut_short(part: Bytes) -> Body {
    let end = stream::once(async {
        tokio::task::yield_now().await;
        Err(cut_error())
    });
    Body::from_stream(stream::iter([Ok(part)]).chain(end))
}

fn dripping(world: World, body: Bytes, bytes: usize, pause_ms: u64) -> Body {
    Body::from_stream(stream::unfold((world, body), move |(world, mut left)| async move {
        if left.is_empty() {
            return None;
        }
        world.sleep(Duration::from_millis(pause_ms)).await;
        let drop = left.split_to(bytes.min(left.len()));
        Some((Ok::<_, io::Error>(drop), (world, left)))
    }))
}

/// Cuts the connection it belongs to.
#[derive(Clone, Debug, Default)]
struct Scissors(Arc<AtomicBool>);

impl Connected<IncomingStream<'_, Cuttable>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, Cuttable>) -> Self {
        stream.io().scissors.clone()
    }
}

#[derive(Debug)]
struct Cuttable(TcpListener);

impl Listener for Cuttable {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        (Connection { stream, scissors: Scissors::default() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection that fails at the next write once its scissors have closed.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    scissors: Scissors,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.scissors.0.load(Ordering::SeqCst) {
            return Poll::Ready(Err(cut_error()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
