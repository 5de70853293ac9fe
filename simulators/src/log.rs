//! The request log: what a client asked and how much was moved. It holds no password and no secret feed path.

use jiff::Timestamp;
use serde::Serialize;

/// One request that reached the world.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    pub n: u64,
    pub at: Timestamp,
    /// The account or feed that was asked for, where the path names one.
    pub account: Option<String>,
    pub feed: Option<String>,
    pub method: String,
    /// The path; the secret of a feed is left out.
    pub path: String,
    /// The `Depth` header.
    pub depth: Option<String>,
    /// The local name of the root element of an XML request: `sync-collection`, `calendar-multiget`, ...; at Google the
    /// method as its discovery document names it: `events.list`, `oauth.token`, ...
    pub report: Option<String>,
    /// Whether the request carried `If-None-Match` or `If-Modified-Since` or `If-Match`.
    pub conditional: bool,
    /// The OAuth client that asked, at Google.
    pub client: Option<String>,
    /// The query of a call of Google's API, without what could be a secret.
    pub query: Option<String>,
    /// The status; `None` when the connection was cut before an answer.
    pub status: Option<u16>,
    /// Body bytes of the request.
    pub bytes_in: usize,
    /// Body bytes of the answer.
    pub bytes_out: usize,
    /// The faults that took part.
    pub faults: Vec<String>,
}

/// A mail that an auto-scheduling server would have sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mail {
    pub account: String,
    pub to: String,
    /// `REQUEST` or `CANCEL`.
    pub method: String,
    pub uid: String,
}

/// A request or an answer that departs from the published description of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The number of the request in the log.
    pub n: u64,
    /// The method, as the log names it.
    pub method: String,
    /// `request` or `response`.
    pub side: &'static str,
    pub what: String,
}
