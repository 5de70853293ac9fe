//! Posting to those who want to be told, where a world is served or where a test stands in for the network.

use std::{fmt, time::Duration};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{google::Notification, microsoft, world::World};

const PATIENCE: Duration = Duration::from_secs(10);
/// How long a moved clock may go unnoticed.
const GLANCE: Duration = Duration::from_millis(200);
const LARGEST_ANSWER: usize = 65_536;

/// Takes what a world would post, instead of a socket.
pub trait Receiver: fmt::Debug + Send + Sync {
    /// The answer; `None` when nobody is there.
    fn post(&self, request: Request<Bytes>) -> BoxFuture<'static, Option<Response<Bytes>>>;
}

/// Delivers what is due, for as long as the world is served.
pub(crate) async fn deliver(world: World) {
    loop {
        let due = world.take_notifications();
        if !due.is_empty() {
            tokio::spawn(send_all(world.clone(), due));
        }
        let due = world.take_microsoft_notifications();
        if !due.is_empty() {
            tokio::spawn(microsoft::send_all(world.clone(), due));
        }
        let now = world.now();
        let next = [world.next_notification(), world.next_microsoft_notification()];
        let next = next.into_iter().flatten().min().map(|at| at.duration_since(now));
        let wait = next.and_then(|span| Duration::try_from(span).ok()).unwrap_or(GLANCE);
        tokio::select! {
            () = world.pushed() => {}
            () = sleep(wait.min(GLANCE)) => {}
        }
        // Whoever makes the clock move has a turn in between.
        tokio::task::yield_now().await;
    }
}

async fn send_all(world: World, due: Vec<Notification>) {
    for notification in due {
        let status = google(&world, &notification).await.map(|answer| answer.status().as_u16());
        world.notification_answered(notification, status);
    }
}

/// Google's notifications have no body: all is in the headers.
async fn google(world: &World, notification: &Notification) -> Option<Response<Bytes>> {
    let mut request = Request::post(&notification.address)
        .header(
            "User-Agent",
            "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google)",
        )
        .header("Accept", "*/*");
    for (name, value) in &notification.headers {
        request = request.header(name, value);
    }
    post(world, request.body(Bytes::new()).ok()?).await
}

/// Posts a request; nobody there, or an https address (whose certificate nobody vouches for here), is no answer.
pub(crate) async fn post(world: &World, request: Request<Bytes>) -> Option<Response<Bytes>> {
    if let Some(receiver) = world.receiver() {
        return receiver.post(request).await;
    }
    timeout(PATIENCE, over_socket(&request)).await.ok().flatten()
}

async fn over_socket(request: &Request<Bytes>) -> Option<Response<Bytes>> {
    let uri = request.uri();
    if uri.scheme_str() != Some("http") {
        return None;
    }
    let authority = uri.authority()?.as_str();
    let port = uri.port_u16().unwrap_or(80);
    let mut stream = TcpStream::connect((uri.host()?, port)).await.ok()?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: {}\r\nConnection: close\r\n",
        request.body().len()
    );
    for (name, value) in request.headers() {
        head.push_str(&format!("{}: {}\r\n", titled(name.as_str()), value.to_str().ok()?));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(request.body()).await.ok()?;
    let mut answer = Vec::new();
    let mut part = [0_u8; 1_024];
    while !is_whole(&answer) && answer.len() < LARGEST_ANSWER {
        // Who cuts the connection behind the answer has answered all the same.
        let Ok(read @ 1..) = stream.read(&mut part).await else { break };
        answer.extend_from_slice(part.get(..read)?);
    }
    parsed(&answer)
}

/// `x-goog-channel-id` as `X-Goog-Channel-Id`: header names as providers write them, but for the case of `ID`.
fn titled(name: &str) -> String {
    let word = |word: &str| match word {
        "id" => "ID".to_owned(),
        "uri" => "URI".to_owned(),
        word => {
            let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
            format!("{}{rest}", first.to_ascii_uppercase())
        }
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

fn head_of(answer: &[u8]) -> Option<(String, &[u8])> {
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, rest) = answer.split_at_checked(at)?;
    Some((String::from_utf8_lossy(head).into_owned(), rest.get(4..)?))
}

fn field<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, v)| v.trim())
}

fn is_whole(answer: &[u8]) -> bool {
    let Some((head, body)) = head_of(answer) else { return false };
    let length = field(&head, "content-length").and_then(|text| text.parse::<usize>().ok());
    length.is_some_and(|length| body.len() >= length)
}

fn parsed(answer: &[u8]) -> Option<Response<Bytes>> {
    let (head, body) = head_of(answer)?;
    let status: u16 = head.lines().next()?.split_whitespace().nth(1)?.parse().ok()?;
    let mut response = Response::builder().status(status);
    for name in ["content-type", "x-content-type-options"] {
        if let Some(value) = field(&head, name) {
            response = response.header(name, value);
        }
    }
    response.body(Bytes::copy_from_slice(body)).ok()
}
