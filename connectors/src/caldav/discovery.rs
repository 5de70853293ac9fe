//! From what a person types to where the calendars are (RFC 6764, RFC 5397, RFC 4791 6.2.1).

use bytes::Bytes;
use http::Response;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    auth::{PROVIDER, Session},
    href,
    requests::{self, Depth, properties},
    tree::{Element, Ns},
    wire::{self, Multistatus, Row},
};
use crate::{
    error::{Error, Kind, Result},
    transport::{landed, refusal},
};

/// Where servers keep their context path when neither DNS nor the well-known address says it.
const KNOWN_PATHS: [&str; 8] = [
    "/remote.php/dav/",
    "/dav/",
    "/caldav/",
    "/SOGo/dav/{user}/",
    "/dav.php/",
    "/cal.php/",
    "/davical/caldav.php/",
    "/principals/",
];

/// What discovery found; kept with the connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Places {
    /// Where the principal was asked for; calendars on its origin are named by path alone.
    pub(super) base: Url,
    pub(super) principal: Option<Url>,
    /// Collections whose members are calendars.
    pub(super) homes: Vec<Url>,
    /// The address given is one calendar itself, and no home is known.
    #[serde(default)]
    pub(super) only: Option<Url>,
    /// Who the person is among attendees, without `mailto:`.
    pub(super) own_addresses: Vec<String>,
}

/// What the person gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// An address: tried as it stands before anything else.
    Address(Url),
    /// A host, or the part of an e-mail address behind the `@`.
    Domain(String),
}

impl Start {
    /// Reads an address, a host (with or without port) or an e-mail address.
    pub(super) fn read(text: &str) -> Option<(Self, Url)> {
        let text = text.trim();
        if let Some((_, rest)) = text.split_once("://") {
            let scheme =
                match text.get(..text.len() - rest.len() - 3)?.to_ascii_lowercase().as_str() {
                    "http" | "caldav" => "http",
                    "https" | "caldavs" => "https",
                    _ => return None,
                };
            let mut url = Url::parse(&format!("{scheme}://{rest}")).ok()?;
            url.host_str().filter(|host| !host.is_empty())?;
            // The login is given beside; in the address it would end up in texts.
            url.set_username("").ok()?;
            url.set_password(None).ok()?;
            url.set_fragment(None);
            return Some((Start::Address(url.clone()), url));
        }
        let host = text.rsplit_once('@').map_or(text, |(_, host)| host);
        let url = Url::parse(&format!("https://{host}")).ok()?;
        if host.contains('/') {
            return Some((Start::Address(url.clone()), url));
        }
        Some((Start::Domain(url.host_str()?.to_owned()), url))
    }
}

/// Finds the account's places, or says by its error what stands in the way.
///
/// # Errors
///
/// [`Kind::Unauthorized`] when the login is refused, [`Kind::NotCalDav`] when nothing here speaks CalDAV,
/// and what the network says about the address itself.
pub(super) async fn discover(session: &Session, start: &Start, root: &Url) -> Result<Places> {
    let mut candidates = Candidates::new(session, start, root).await;
    let mut first_failure: Option<Error> = None;
    let mut fallback = None;
    while let Some(candidate) = candidates.next() {
        match ask_context(session, &candidate).await {
            Ok(Context::Principal(base, principal)) => {
                return from_principal(session, base, principal).await;
            }
            Ok(Context::Home(places)) => return Ok(places),
            Ok(Context::Perhaps(places)) => {
                if matches!(start, Start::Address(url) if *url == candidate) {
                    fallback = Some(places);
                }
            }
            Err(error) if ends_search(&error) => return Err(error),
            Err(error) => {
                first_failure.get_or_insert(error);
            }
        }
    }
    if let Some(places) = fallback {
        return Ok(places);
    }
    let host = root.host_str().unwrap_or("the address");
    let not_caldav = Kind::NotCalDav.error(format!("{host} answers, but speaks no CalDAV here"));
    // A server that is merely down is no proof that it speaks something else.
    match first_failure {
        Some(error) if is_down(&error) => Err(error),
        Some(error) => Err(not_caldav.caused_by(error)),
        None => Err(not_caldav),
    }
}

/// 501 is how a web server says that it does not know PROPFIND at all.
fn is_down(error: &Error) -> bool {
    matches!(error.kind, Kind::Unavailable | Kind::Throttled { .. }) && error.status != Some(501)
}

/// Failures that no other path on the host would mend, or that must not be repeated (a refused login counts
/// against the account at every try).
fn ends_search(error: &Error) -> bool {
    matches!(
        error.kind,
        Kind::Unauthorized
            | Kind::BlockedAddress
            | Kind::Dns
            | Kind::Tls
            | Kind::Timeout
            | Kind::Throttled { .. }
    )
}

/// Addresses to try, in the order of RFC 6764, each once.
struct Candidates {
    left: std::collections::VecDeque<Url>,
}

impl Candidates {
    async fn new(session: &Session, start: &Start, root: &Url) -> Self {
        let mut all = Vec::new();
        let mut hosts = Vec::new();
        match start {
            Start::Address(url) => all.push(url.clone()),
            Start::Domain(domain) => {
                for url in by_dns(session, domain).await {
                    session.trust(&url);
                    // A context path from DNS is as good as one from the person.
                    if url.path() != "/" {
                        all.push(url.clone());
                    }
                    hosts.push(url);
                }
            }
        }
        hosts.push(root.clone());
        for host in hosts {
            all.extend(host.join("/.well-known/caldav"));
            all.extend(host.join("/"));
            let user = session.username().unwrap_or("");
            for path in
                KNOWN_PATHS.iter().filter(|path| !path.contains("{user}") || !user.is_empty())
            {
                all.extend(host.join(&path.replace("{user}", user)));
            }
        }
        let mut seen = std::collections::HashSet::new();
        all.retain(|url| seen.insert(url.clone()));
        Self { left: all.into() }
    }

    fn next(&mut self) -> Option<Url> {
        self.left.pop_front()
    }
}

/// SRV of `_caldavs._tcp` with TXT `path=`. The plain variant is not asked: a login never goes over plain http
/// because DNS said so.
async fn by_dns(session: &Session, domain: &str) -> Vec<Url> {
    let name = format!("_caldavs._tcp.{domain}.");
    let mut records = session.transport().services(&name).await;
    // `.` as the target says: no such service here (RFC 2782).
    records.retain(|record| !record.target.is_empty());
    if records.is_empty() {
        return Vec::new();
    }
    records.sort_by_key(|record| (record.priority, std::cmp::Reverse(record.weight)));
    let texts = session.transport().texts(&name).await;
    let path = texts
        .iter()
        .find_map(|text| text.strip_prefix("path="))
        .filter(|path| path.starts_with('/'))
        .unwrap_or("/");
    records
        .iter()
        .filter_map(|record| {
            Url::parse(&format!("https://{}:{}{path}", record.target, record.port)).ok()
        })
        .collect()
}

/// What one address turned out to be.
enum Context {
    Principal(Url, Url),
    Home(Places),
    /// A collection without a principal: taken as a home only if it was the person's own address.
    Perhaps(Places),
}

async fn ask_context(session: &Session, candidate: &Url) -> Result<Context> {
    let request = requests::propfind(candidate, Depth::Itself, properties::CONTEXT)?;
    let reply = session.send("discover", request).await?;
    let (base, read) = read_context(candidate, &reply)?;
    let row = read
        .rows
        .iter()
        .find(|row| {
            href::normalise(&base, &row.href).is_some_and(|path| href::same(&path, base.path()))
        })
        .or_else(|| read.rows.first())
        .ok_or_else(|| Kind::BadReply.error("the server describes nothing at this address"))?;
    if let Some(principal) = row.property(Ns::Dav, "current-user-principal") {
        if principal.child(Ns::Dav, "unauthenticated").is_some() {
            return Err(Kind::Unauthorized.error("the server did not accept the login"));
        }
        if let Some(url) = principal.hrefs().first().and_then(|link| href::resolve(&base, link)) {
            return Ok(Context::Principal(base, url));
        }
    }
    let homes = homes(session, &base, row);
    let resource_type = row.property(Ns::Dav, "resourcetype");
    let is = |ns, name| resource_type.is_some_and(|it| it.child(ns, name).is_some());
    let is_calendar = is(Ns::CalDav, "calendar");
    if homes.is_empty() && !is(Ns::Dav, "collection") && !is_calendar {
        return Err(Kind::NotCalDav.error("there is no collection at this address"));
    }
    let known = !homes.is_empty() || is_calendar;
    let places = Places {
        principal: None,
        only: is_calendar.then(|| base.clone()),
        homes: if homes.is_empty() && !is_calendar { vec![base.clone()] } else { homes },
        own_addresses: Vec::new(),
        base,
    };
    Ok(if known { Context::Home(places) } else { Context::Perhaps(places) })
}

fn read_context(candidate: &Url, reply: &Response<Bytes>) -> Result<(Url, Multistatus)> {
    let base = landed(reply).map_or_else(|| candidate.clone(), |landed| landed.url.clone());
    let read = expect_multistatus(reply, "discover", &base)?;
    Ok((base, read))
}

/// A 207 and nothing else: a 200 with a login page is a misconfiguration, never an empty answer.
pub(super) fn expect_multistatus(
    reply: &Response<Bytes>,
    operation: &str,
    url: &Url,
) -> Result<Multistatus> {
    let host = url.host_str().unwrap_or("the server");
    match reply.status().as_u16() {
        207 => wire::multistatus(reply.body()).map_err(|error| error.with_status(207)),
        status @ 200..=299 => Err(Kind::BadReply
            .error(format!("{operation} to {host} was answered without a multistatus"))
            .with_status(status)),
        _ => Err(refusal(reply, &format!("{operation} to {host}"))),
    }
}

async fn from_principal(session: &Session, base: Url, principal: Url) -> Result<Places> {
    let request = requests::propfind(&principal, Depth::Itself, properties::PRINCIPAL)?;
    let reply = session.send("discover", request).await?;
    let (principal, read) = read_context(&principal, &reply)?;
    let row = read
        .rows
        .first()
        .ok_or_else(|| Kind::BadReply.error("the server does not describe the account"))?;
    let mut homes = homes(session, &principal, row);
    if homes.is_empty() {
        // Some servers have no home set but keep the calendars below the principal.
        homes.push(principal.clone());
    }
    let own_addresses = own_addresses(session, row);
    Ok(Places { base, principal: Some(principal), homes, only: None, own_addresses })
}

/// The home sets that may see the login, each once.
fn homes(session: &Session, base: &Url, row: &Row) -> Vec<Url> {
    let links = row.property(Ns::CalDav, "calendar-home-set").map(Element::hrefs);
    let mut homes = Vec::new();
    for home in links.into_iter().flatten().filter_map(|link| href::resolve(base, &link)) {
        if !session.trusts(&home) {
            tracing::warn!(
                provider = PROVIDER,
                server.host = home.host_str().unwrap_or(""),
                "A home set lies on a host of another party and is left out."
            );
        } else if !homes.contains(&home) {
            homes.push(home);
        }
    }
    homes
}

fn own_addresses(session: &Session, row: &Row) -> Vec<String> {
    let stated = row.property(Ns::CalDav, "calendar-user-address-set").map(Element::hrefs);
    let mut addresses: Vec<String> = stated
        .into_iter()
        .flatten()
        .filter_map(|address| {
            let (scheme, rest) = address.split_once(':')?;
            scheme.eq_ignore_ascii_case("mailto").then(|| rest.trim().to_ascii_lowercase())
        })
        .collect();
    // Small servers state none, and the login is the address.
    addresses.extend(
        session
            .username()
            .filter(|name| name.contains('@') && addresses.is_empty())
            .map(str::to_ascii_lowercase),
    );
    addresses.dedup();
    addresses
}

#[cfg(test)]
mod tests {
    use super::Start;

    #[test]
    fn what_a_person_types_is_an_address_a_host_or_an_email() {
        for (text, expected) in [
            ("https://cal.example.com/dav/", "address https://cal.example.com/dav/"),
            ("caldavs://cal.example.com/dav/", "address https://cal.example.com/dav/"),
            ("http://127.0.0.1:5232/", "address http://127.0.0.1:5232/"),
            ("https://user:word@cal.example.com/", "address https://cal.example.com/"),
            ("cal.example.com/dav/me/", "address https://cal.example.com/dav/me/"),
            ("example.com", "domain example.com"),
            (" someone@example.com ", "domain example.com"),
        ] {
            let found = match Start::read(text) {
                Some((Start::Address(url), _)) => format!("address {url}"),
                Some((Start::Domain(domain), _)) => format!("domain {domain}"),
                None => "nothing".to_owned(),
            };
            assert_eq!(found, expected, "{text}");
        }
        for text in ["", "ftp://example.com/", "https://", "file:///etc/passwd"] {
            assert!(Start::read(text).is_none(), "{text}");
        }
    }
}
