//! The real backend, on loopback sockets only.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{ask, call, guard::Rebinding, text};
use crate::{
    error::{Effect, Kind},
    transport::{Fixed, Limits, Settings, Transport},
};

/// A canary that answers every connection with fixed bytes, then closes it, and counts them.
async fn canary(answer: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let met = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&met);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(answer).await;
        }
    });
    (address, met)
}

fn over_network(allow: &[&str], resolver: Option<Vec<IpAddr>>) -> Transport {
    let settings = Settings {
        allow_net: allow.iter().map(|net| net.parse().unwrap()).collect(),
        resolver: resolver.map(|addresses| Arc::new(Fixed(addresses)) as _),
        limits: Limits { total: Duration::from_secs(5), ..Limits::default() },
        ..Settings::default()
    };
    Transport::over_network(settings).unwrap()
}

const LOOPBACK: &[&str] = &["127.0.0.0/8"];

#[tokio::test]
async fn an_allowed_network_is_reached_and_others_are_not() {
    let (address, met) = canary(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let url = format!("http://{address}/secret-path");
    let answer = over_network(LOOPBACK, None).send(&call(), ask("GET", &url)).await.unwrap();
    assert_eq!(answer.body(), "ok");
    assert_eq!(met.load(Ordering::SeqCst), 1);

    for allow in [&[] as &[&str], &["10.0.0.0/8"]] {
        let error = over_network(allow, None).send(&call(), ask("GET", &url)).await.unwrap_err();
        assert_eq!(error.kind, Kind::BlockedAddress);
        assert!(!text(&error).contains("secret"));
    }
    assert_eq!(met.load(Ordering::SeqCst), 1, "not one packet more");
}

#[tokio::test]
async fn a_name_that_resolves_to_a_forbidden_address_meets_no_canary() {
    let (address, met) = canary(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let loopback = Some(vec![address.ip()]);
    let transport = over_network(&["10.0.0.0/8"], loopback);
    for url in [
        "https://rebound.example/secret-path".to_owned(),
        format!("http://rebound.example:{}/secret-path", address.port()),
        format!("https://rebound.example:{}/secret-path", address.port()),
    ] {
        let error = transport.send(&call(), ask("GET", &url)).await.unwrap_err();
        assert_eq!(error.kind, Kind::BlockedAddress, "{url}: {error}");
        assert_eq!(error.effect, Effect::None);
        assert!(!text(&error).contains("secret"), "{}", text(&error));
    }
    assert_eq!(met.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_rebinding_name_never_reaches_the_second_address() {
    let (address, met) = canary(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    // Public at first (and unreachable from here), loopback ever after; the guard allows 10/8 only.
    let resolver = Arc::new(Rebinding { asked: AtomicUsize::new(1) });
    let settings = Settings {
        allow_net: vec!["10.0.0.0/8".parse().unwrap()],
        resolver: Some(Arc::clone(&resolver) as _),
        ..Settings::default()
    };
    let transport = Transport::over_network(settings).unwrap();
    for _ in 0..1000 {
        let url = format!("http://rebound.example:{}/", address.port());
        let error = transport.send(&call(), ask("GET", &url)).await.unwrap_err();
        assert_eq!(error.kind, Kind::BlockedAddress);
    }
    assert!(resolver.asked.load(Ordering::Relaxed) > 1000, "judged anew each time");
    assert_eq!(met.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_cut_body_is_an_error_and_never_short() {
    for answer in [
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nBEGIN:VCALENDAR" as &[u8],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nf\r\nBEGIN:VCALENDAR\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nBEGIN",
    ] {
        let (address, _) = canary(answer).await;
        let url = format!("http://{address}/secret-path");
        let transport = over_network(LOOPBACK, None);
        let error = transport.send(&call(), ask("GET", &url)).await.unwrap_err();
        assert_eq!(error.kind, Kind::Unavailable);
        assert!(!text(&error).contains("secret"), "{}", text(&error));
        let error = transport.send(&call(), ask("PUT", &url)).await.unwrap_err();
        assert_eq!(error.effect, Effect::Unknown);
    }
}

#[tokio::test]
async fn failures_are_told_apart() {
    let (address, _) = canary(b"this is no TLS").await;
    let transport = over_network(LOOPBACK, None);
    let url = format!("https://{address}/secret-path");
    let error = transport.send(&call(), ask("PUT", &url)).await.unwrap_err();
    assert_eq!((error.kind.clone(), error.effect), (Kind::Tls, Effect::None), "{}", text(&error));

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/secret-path");
    let error = transport.send(&call(), ask("PUT", &url)).await.unwrap_err();
    assert_eq!((error.kind.clone(), error.effect), (Kind::Unavailable, Effect::None));

    let nowhere = over_network(LOOPBACK, Some(Vec::new()));
    let error = nowhere.send(&call(), ask("GET", "https://gone.example/secret")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Dns, "{}", text(&error));
    assert!(!text(&error).contains("secret"));
}

#[tokio::test]
async fn a_slow_drip_runs_into_the_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // Accepts and says nothing.
    let _silent = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let limits = Limits { total: Duration::from_millis(200), ..Limits::default() };
    let settings =
        Settings { allow_net: vec!["127.0.0.0/8".parse().unwrap()], limits, ..Settings::default() };
    let transport = Transport::over_network(settings).unwrap();
    let url = format!("http://{address}/secret-path");
    let error = transport.send(&call(), ask("PUT", &url)).await.unwrap_err();
    assert_eq!((error.kind.clone(), error.effect), (Kind::Timeout, Effect::Unknown));
    assert!(!text(&error).contains("secret"));
}

#[tokio::test]
async fn a_redirect_of_a_real_server_is_checked() {
    let (address, met) = canary(
        b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let url = format!("http://{address}/");
    let error = over_network(LOOPBACK, None).send(&call(), ask("GET", &url)).await.unwrap_err();
    assert_eq!(error.kind, Kind::BlockedAddress);
    assert_eq!(met.load(Ordering::SeqCst), 1);
}
