//! Which addresses may be reached.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use url::Url;

use super::{Scripted, ask, call, reply};
use crate::{
    error::Kind,
    transport::{
        Fixed, Guard, Reach, ResolveFailure, Resolver, ServiceRecord, Settings, Transport,
    },
};

/// Class and address of everything that may not be reached, in every spelling.
fn forbidden() -> impl Iterator<Item = (&'static str, &'static str)> {
    let text = include_str!("../../../../fixtures/hostile/urls.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let mut parts = line.split('\t');
        (parts.next().unwrap(), parts.next().unwrap())
    })
}

const REACHED: &[&str] = &[
    "https://example.com/",
    "https://example.com:443/",
    "https://example.com:8443/dav/",
    "https://EXAMPLE.com./",
    "https://93.184.216.34/",
    "https://8.8.8.8/",
    "https://172.15.0.1/",
    "https://172.32.0.1/",
    "https://100.63.255.255/",
    "https://100.128.0.1/",
    "https://169.253.0.1/",
    "https://192.167.0.1/",
    "https://223.255.255.255/",
    "https://[2606:2800:220:1:248:1893:25c8:1946]/",
    "https://[2001:4860:4860::8888]/",
    "https://user:word@example.com/",
    "https://bücher.example/",
];

#[test]
fn no_spelling_of_a_forbidden_address_is_let_through() {
    let guard = Guard::default();
    let mut judged = 0;
    for (class, text) in forbidden() {
        judged += 1;
        let url = Url::parse(text);
        match class {
            // What WHATWG refuses to read at all (zone ids, bad numbers) goes nowhere either.
            "unreadable" => assert!(url.is_err(), "{text} can be read"),
            // Judged by what they resolve to.
            "name" => {}
            _ => {
                let url = url.unwrap_or_else(|error| panic!("{text}: {error}"));
                assert!(guard.check(&url).is_err(), "{text} is let through as {url}");
            }
        }
    }
    assert!(judged >= 200);
}

#[test]
fn public_addresses_are_reached() {
    let guard = Guard::default();
    for text in REACHED {
        assert_eq!(guard.check(&Url::parse(text).unwrap()), Ok(Reach::Anywhere), "{text}");
    }
}

#[test]
fn allowed_networks_are_free_of_the_scheme_and_port_rules() {
    let allowed = vec!["127.0.0.0/8".parse().unwrap(), "fd00:1::/32".parse().unwrap()];
    let guard = Guard::new(allowed, vec![5443]);
    for (text, expected) in [
        ("http://127.0.0.1:5232/", true),
        ("https://127.9.9.9:22/", true),
        ("http://[fd00:1::5]/", true),
        ("https://example.com:5443/", true),
        ("https://[fd00:2::5]/", false),
        ("http://10.0.0.1/", false),
        ("http://8.8.8.8/", false),
        ("https://8.8.8.8:8080/", false),
        ("https://[::ffff:127.0.0.1]/", false),
        ("https://[::1]/", false),
        ("ftp://127.0.0.1/", false),
    ] {
        assert_eq!(guard.check(&Url::parse(text).unwrap()).is_ok(), expected, "{text}");
    }
    // A name under plain http is judged by its addresses: only allowed ones.
    let reach = guard.check(&Url::parse("http://intranet.example:8080/").unwrap()).unwrap();
    assert_eq!(reach, Reach::AllowedNetworks);
    assert!(guard.admits("127.0.0.1".parse().unwrap(), reach));
    assert!(!guard.admits("8.8.8.8".parse().unwrap(), reach));
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_resolves_to() {
    for (addresses, expected) in [
        (vec!["93.184.216.34"], None),
        (vec!["10.0.0.1"], Some(Kind::BlockedAddress)),
        (vec!["::ffff:10.0.0.1"], Some(Kind::BlockedAddress)),
        (vec!["fe80::1", "127.0.0.1"], Some(Kind::BlockedAddress)),
        // One good address is enough; only it is ever connected to.
        (vec!["127.0.0.1", "93.184.216.34"], None),
        (vec![], Some(Kind::Dns)),
    ] {
        let service = Scripted::new([reply(200, &[], "")]);
        let addresses: Vec<IpAddr> = addresses.iter().map(|it| it.parse().unwrap()).collect();
        let resolver = Some(Arc::new(Fixed(addresses.clone())) as _);
        let settings = Settings { resolver, ..Settings::default() };
        let transport = Transport::in_process(Arc::clone(&service) as _, settings);
        let outcome = transport.send(&call(), ask("GET", "https://cal.example/")).await;
        assert_eq!(outcome.err().map(|error| error.kind), expected, "{addresses:?}");
        assert_eq!(service.hosts().len(), usize::from(expected.is_none()));
    }
}

/// Public the first time, private ever after: a rebinding name with a time to live of zero.
#[derive(Debug, Default)]
pub(super) struct Rebinding {
    pub(super) asked: AtomicUsize,
}

#[async_trait]
impl Resolver for Rebinding {
    async fn addresses(&self, _host: &str) -> Result<Vec<IpAddr>, ResolveFailure> {
        let first = self.asked.fetch_add(1, Ordering::Relaxed) == 0;
        let address = if first { "93.184.216.34" } else { "127.0.0.1" };
        Ok(vec![address.parse().unwrap()])
    }

    async fn services(&self, _name: &str) -> Vec<ServiceRecord> {
        Vec::new()
    }

    async fn texts(&self, _name: &str) -> Vec<String> {
        Vec::new()
    }
}

#[tokio::test]
async fn a_name_that_rebinds_is_judged_anew_at_every_connection() {
    let service = Scripted::new([reply(302, &[("location", "/again")], "")]);
    let settings =
        Settings { resolver: Some(Arc::new(Rebinding::default())), ..Settings::default() };
    let transport = Transport::in_process(Arc::clone(&service) as _, settings);
    let outcome = transport.send(&call(), ask("GET", "https://cal.example/")).await;
    assert_eq!(outcome.unwrap_err().kind, Kind::BlockedAddress);
    assert_eq!(service.hosts().len(), 1, "the second request was not sent");
}
