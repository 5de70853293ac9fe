//! The same world over loopback: what a fault does to a real connection.

use std::sync::Arc;

use simulators::{Act, Fault, FeedSpec, World, serve};
use tokio::net::TcpListener;

use crate::client::event;

async fn started() -> (World, String) {
    let world = World::new("2027-03-01T08:00:00Z".parse().unwrap());
    world.add_feed(FeedSpec::new("club", event("a", "")));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(world.clone(), listener));
    (world, origin)
}

fn client() -> reqwest::Client {
    let _ =
        rustls::crypto::CryptoProvider::install_default(rustls::crypto::ring::default_provider());
    let roots = Arc::new(rustls::RootCertStore::empty());
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).build().unwrap()
}

#[tokio::test]
async fn connections_are_cut_before_within_and_after_answers() {
    let (world, origin) = started().await;
    let client = client();
    let url = format!("{origin}/ics/club.ics");
    assert_eq!(client.get(&url).send().await.unwrap().text().await.unwrap(), event("a", ""));
    world.fault(Fault::new(Act::DropBefore).feed("club").once());
    assert!(client.get(&url).send().await.is_err(), "no answer at all");
    world.clear_faults();
    world.fault(Fault::new(Act::TruncateBody { keep: 20 }).feed("club").once());
    let answer = client.get(&url).send().await.unwrap();
    assert_eq!(
        answer.content_length(),
        Some(event("a", "").len() as u64),
        "the whole is announced"
    );
    assert!(answer.bytes().await.is_err());
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn dripping_and_chunked_bodies_arrive_whole() {
    let (world, origin) = started().await;
    let client = client();
    let url = format!("{origin}/ics/club.ics");
    world.feed("club").unwrap().tune(|knobs| knobs.drip = Some((16, 50)));
    assert_eq!(client.get(&url).send().await.unwrap().text().await.unwrap(), event("a", ""));
    world.feed("club").unwrap().tune(|knobs| {
        knobs.drip = None;
        knobs.chunked = true;
    });
    let answer = client.get(&url).send().await.unwrap();
    assert_eq!(answer.content_length(), None);
    assert_eq!(answer.text().await.unwrap(), event("a", ""));
}
