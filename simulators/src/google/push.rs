//! Sending notifications over sockets, where a world is served.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::channel::Notification;
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(10);
/// How long a moved clock may go unnoticed.
const GLANCE: Duration = Duration::from_millis(200);

/// Delivers what is due, for as long as the world is served.
pub(crate) async fn deliver(world: World) {
    loop {
        let due = world.take_notifications();
        if !due.is_empty() {
            tokio::spawn(send_all(world.clone(), due));
        }
        let now = world.now();
        let next = world.next_notification().map(|at| at.duration_since(now));
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
        let status = timeout(PATIENCE, post(&notification)).await.ok().flatten();
        world.notification_answered(notification, status);
    }
}

/// Posts one notification; nobody there, or an https address (whose certificate nobody vouches for here), is no status.
async fn post(notification: &Notification) -> Option<u16> {
    let (authority, path) = split(&notification.address)?;
    let target =
        if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let mut stream = TcpStream::connect(target).await.ok()?;
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 0\r\nConnection: close\r\n"
    );
    head.push_str("User-Agent: APIs-Google; (+https://developers.google.com/webmasters/APIs-Google)\r\nAccept: */*\r\n");
    for (name, value) in &notification.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    let mut part = [0_u8; 256];
    while !answer.windows(2).any(|two| two == b"\r\n") && answer.len() < 4_096 {
        let read = stream.read(&mut part).await.ok()?;
        if read == 0 {
            break;
        }
        answer.extend_from_slice(part.get(..read)?);
    }
    let line = String::from_utf8_lossy(&answer).lines().next()?.to_owned();
    line.split_whitespace().nth(1)?.parse().ok()
}

fn split(address: &str) -> Option<(&str, &str)> {
    let rest = address.strip_prefix("http://")?;
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(at)?;
    Some((authority, if path.is_empty() { "/" } else { path }))
}
