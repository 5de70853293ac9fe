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

/// Addresses in every spelling; none may be reached.
const BLOCKED: &[&str] = &[
    // Loopback.
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://0177.0.0.1/",
    "https://0177.0.0.01/",
    "https://017700000001/",
    "https://127.255.255.254/",
    "https://127.0.0.1./",
    "https://１２７.０.０.１/",
    "https://127。0。0。1/",
    "https://%31%32%37.0.0.1/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::127.0.0.1]/",
    // Unspecified and this network.
    "https://0.0.0.0/",
    "https://0/",
    "https://0.1.2.3/",
    "https://[::]/",
    // Private.
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.0.1/",
    "https://192.168.1.1:8443/",
    "https://0xc0a80101/",
    "https://3232235777/",
    "https://[fc00::1]/",
    "https://[fd12:3456:789a::1]/",
    // Link-local and metadata.
    "https://169.254.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://[fe80::1]/",
    "https://[febf::1]/",
    "https://[fd00:ec2::254]/",
    "https://168.63.129.16/",
    "https://100.100.100.200/",
    "https://192.0.0.192/",
    // Carrier-grade NAT, protocol assignments, documentation, benchmarks, 6to4 relays.
    "https://100.64.0.1/",
    "https://100.127.255.255/",
    "https://192.0.0.1/",
    "https://192.0.2.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://198.18.0.1/",
    "https://198.19.255.255/",
    "https://192.88.99.1/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    // Multicast, reserved, broadcast.
    "https://224.0.0.1/",
    "https://239.255.255.255/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[ff02::1]/",
    "https://[ff0e::1]/",
    // Addresses that carry another one.
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::8.8.8.8]/",
    "https://[64:ff9b:1::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2002:808:808::1]/",
    "https://[2001::1]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "https://[2001:10::1]/",
    "https://[2001:20::1]/",
    "https://[100::1]/",
    "https://[fec0::1]/",
    "https://[5f00::1]/",
    // Disguises.
    "https://example.com@127.0.0.1/",
    "https://example.com:443@169.254.169.254/",
    "https://user:word@10.0.0.1/",
    "https://example.com%40@127.0.0.1/",
    "https://127.0.0.1\\@example.com/",
    "https://127.0.0.1#@example.com/",
    "https://127.0.0.1?@example.com/",
    "https:\\\\127.0.0.1/",
    "https:127.0.0.1/",
    // Schemes and ports.
    "http://example.com/",
    "http://93.184.216.34/",
    "ftp://example.com/",
    "gopher://example.com/",
    "file:///etc/passwd",
    "data:text/calendar,BEGIN:VCALENDAR",
    "javascript:alert(1)",
    "unix:/var/run/docker.sock",
    "webcal://example.com/",
    "https://example.com:22/",
    "https://example.com:25/",
    "https://example.com:80/",
    "https://example.com:8080/",
    "https://example.com:6379/",
    "https://93.184.216.34:9200/",
    "https://[2606:2800:220:1::1]:8080/",
];

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

/// What WHATWG refuses to read at all (zone ids, bad numbers) goes nowhere either.
const UNREADABLE: &[&str] = &[
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[::1/",
    "https://256.0.0.1/",
    "https://1.2.3.4.5/",
    "https://0x100000000/",
    "https://127.0.0.08/",
    "https:///",
    "https://exa mple.com/",
    "https://example.com:99999/",
    "https://[::ffff:127.0.0.1]x/",
];

#[test]
fn no_spelling_of_a_forbidden_address_is_let_through() {
    let guard = Guard::default();
    for text in BLOCKED {
        let url = Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(guard.check(&url).is_err(), "{text} is let through as {url}");
    }
    for text in UNREADABLE {
        assert!(Url::parse(text).is_err(), "{text} can be read");
    }
    assert!(BLOCKED.len() + UNREADABLE.len() >= 100);
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
