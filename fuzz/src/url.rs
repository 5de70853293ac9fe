//! Addresses in every spelling against the guard, judged a second time by a plain list of networks.

use std::net::IpAddr;

use connectors::{
    caldav::{Caldav, Login},
    ics::Feed,
    transport::{Guard, Reach, Settings, Transport},
};
use ipnet::IpNet;
use url::{Host, Url};

/// What must never be reached, written down apart from the guard's own arithmetic.
const FORBIDDEN: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/3",
    "::/8",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "2001::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

fn is_forbidden(address: IpAddr) -> bool {
    FORBIDDEN.iter().any(|net| net.parse::<IpNet>().unwrap().contains(&address))
}

#[derive(Debug)]
struct Nobody;

#[async_trait::async_trait]
impl connectors::transport::Service for Nobody {
    async fn call(
        &self,
        request: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, connectors::transport::Cut> {
        let url = Url::parse(&request.uri().to_string()).expect("what is sent is an address");
        judge(&url, Reach::Anywhere);
        Err(connectors::transport::Cut::Refused)
    }
}

fn judge(url: &Url, reach: Reach) {
    assert_eq!(reach, Reach::Anywhere, "{url}: nothing is allowed here");
    assert_eq!(url.scheme(), "https");
    assert!(matches!(url.port_or_known_default(), Some(443 | 8443)), "{url}");
    match url.host() {
        Some(Host::Ipv4(address)) => assert!(!is_forbidden(address.into()), "{url}"),
        Some(Host::Ipv6(address)) => assert!(!is_forbidden(address.into()), "{url}"),
        Some(Host::Domain(name)) => {
            assert!(!name.is_empty() && name.parse::<IpAddr>().is_err(), "{url}");
        }
        None => panic!("{url} has no host"),
    }
}

/// An address as it stands, as somebody's CalDAV login, and as a feed.
pub fn url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(url) = Url::parse(&text)
        && let Ok(reach) = Guard::default().check(&url)
    {
        judge(&url, reach);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let transport = || Transport::in_process(std::sync::Arc::new(Nobody), Settings::default());
    runtime.block_on(async {
        use connectors::Connector;
        if let Ok(feed) =
            Feed::new(transport(), text.clone().into_owned().into(), serde_json::Value::Null)
        {
            let _ = feed.account().await;
        }
        let login = Login::with_password(text.clone().into_owned(), "anna", "word".into());
        if let Ok(caldav) = Caldav::connect(transport(), login, serde_json::Value::Null) {
            let _ = caldav.account().await;
        }
    });
}
