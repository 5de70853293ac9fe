//! Bodies by href: multiget in bounded chunks, and one by one what multiget leaves out.

use std::collections::{HashMap, VecDeque};

use http::{StatusCode, header};

use super::{
    connector::{Caldav, Collection},
    discovery::expect_multistatus,
    href, listing,
    requests::{self, Depth},
    translate,
    tree::Ns,
    wire::Multistatus,
};
use crate::{
    error::{Error, Kind, Result},
    event::{Item, ItemRef},
};

const CHUNK: usize = 50;
const SMALLEST_CHUNK: usize = 5;
/// A chunk that came to more than this halves the next one.
const LARGE_REPLY: usize = 4 << 20;
/// Requests of one pull for single items that could not be read before, and that multiget does not tell.
const AGAIN_ALONE: usize = 5;

/// What became of one href.
#[derive(Clone, Debug)]
pub(super) enum Fetched {
    There(Item, Vec<u8>),
    NotThere(String),
}

impl Caldav {
    /// Fetches every href, in any order.
    pub(super) async fn fetch(&self, at: &Collection, hrefs: &[String]) -> Result<Vec<Fetched>> {
        self.fetch_with(at, hrefs, &[]).await
    }

    /// Fetches every href and, with the same requests and a few more, what could not be read before.
    pub(super) async fn fetch_with(
        &self,
        at: &Collection,
        hrefs: &[String],
        again: &[String],
    ) -> Result<Vec<Fetched>> {
        let mut fetched = Vec::with_capacity(hrefs.len());
        let mut left: VecDeque<String> = hrefs.iter().chain(again).cloned().collect();
        let mut alone: Vec<String> = Vec::new();
        let mut chunk = CHUNK;
        // A server that refused the REPORT is asked for a single body without it.
        let mut refuses = left.len() == 1 && self.session.capabilities().multiget == Some(false);
        while !left.is_empty() {
            let wanted: Vec<String> = left.drain(..chunk.min(left.len())).collect();
            if refuses {
                alone.extend(wanted);
                continue;
            }
            match self.multiget(at, &wanted).await {
                Ok((found, size)) => {
                    if size > LARGE_REPLY {
                        chunk = (chunk / 2).max(SMALLEST_CHUNK);
                    }
                    self.learn_multiget(true);
                    alone.extend(wanted.into_iter().filter(|path| !found.contains_key(path)));
                    fetched.extend(found.into_values());
                }
                Err(Trouble::TooMuch) if wanted.len() > 1 => {
                    chunk = (wanted.len() / 2).max(1);
                    wanted.into_iter().rev().for_each(|path| left.push_front(path));
                }
                Err(Trouble::TooMuch) => alone.extend(wanted),
                // Refused for once or for ever, its bodies can be had one by one; that it is for ever is
                // never believed, because one request saves many.
                Err(Trouble::Refused) => {
                    refuses = true;
                    alone.extend(wanted);
                }
                Err(Trouble::Failed(error)) => return Err(error),
            }
        }
        let mut most = AGAIN_ALONE;
        for path in alone {
            if again.contains(&path) {
                let Some(less) = most.checked_sub(1) else { continue };
                most = less;
            }
            fetched.push(self.fetch_one(at, &path).await?);
        }
        if refuses {
            self.learn_multiget(false);
        }
        Ok(fetched)
    }

    fn learn_multiget(&self, works: bool) {
        if self.session.capabilities().multiget != Some(works) {
            self.session.learn(|known| known.multiget = Some(works));
        }
    }

    async fn multiget(
        &self,
        at: &Collection,
        wanted: &[String],
    ) -> Result<(HashMap<String, Fetched>, usize), Trouble> {
        let request = requests::multiget(&at.url, wanted).map_err(Trouble::Failed)?;
        let reply = match self.session.send("multiget", request).await {
            Ok(reply) => reply,
            // Beyond the limits of one reply, not of the protocol.
            Err(error) if error.kind == Kind::BadReply => return Err(Trouble::TooMuch),
            Err(error) => return Err(Trouble::Failed(error)),
        };
        if matches!(reply.status().as_u16(), 400 | 403 | 405 | 415 | 500 | 501) {
            return Err(Trouble::Refused);
        }
        let read = expect_multistatus(&reply, "multiget", &at.url).map_err(Trouble::Failed)?;
        let mut found = rows(at, &read);
        found.retain(|path, _| wanted.contains(path));
        Ok((found, reply.body().len()))
    }

    /// Fetches one href by GET, where multiget did not tell.
    pub(super) async fn fetch_one(&self, at: &Collection, path: &str) -> Result<Fetched> {
        let mut request = requests::get(&at.at(path)?)?;
        // A compressing proxy would give its own ETag.
        request
            .headers_mut()
            .insert(header::ACCEPT_ENCODING, http::HeaderValue::from_static("identity"));
        let reply = match self.session.send("get", request).await {
            Err(error) if error.kind == Kind::BadReply => {
                return Ok(unreadable(path, "the item is beyond the size limit"));
            }
            reply => reply?,
        };
        match reply.status() {
            StatusCode::OK => {
                let stated = reply.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok());
                let etag = match stated {
                    Some(etag) => Some(etag.to_owned()),
                    None => self.etag(at, path).await?,
                };
                let item = translate::item(at, path, etag.as_deref(), reply.body());
                Ok(Fetched::There(item, reply.body().to_vec()))
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Fetched::NotThere(path.to_owned())),
            // The server's trouble with this one item; the rest of the calendar goes on.
            status if status.is_client_error() || status == StatusCode::INTERNAL_SERVER_ERROR => {
                Ok(unreadable(path, &format!("the server answers {} for it", status.as_u16())))
            }
            status if status.is_success() => {
                Err(Kind::BadReply.error(format!("get to {} was answered oddly", at.host())))
            }
            _ => Err(listing::refused(at, "get", &reply)),
        }
    }

    async fn etag(&self, at: &Collection, path: &str) -> Result<Option<String>> {
        let request = requests::propfind(&at.at(path)?, Depth::Itself, &["D:getetag"])?;
        let reply = self.session.send("etag", request).await?;
        let Ok(read) = expect_multistatus(&reply, "etag", &at.url) else { return Ok(None) };
        Ok(read.rows.iter().find_map(|row| row.text(Ns::Dav, "getetag")).map(str::to_owned))
    }
}

/// Rows with a body, or with the word that there is none, by href. The ETag is the one beside the body.
pub(super) fn rows(at: &Collection, read: &Multistatus) -> HashMap<String, Fetched> {
    let mut found = HashMap::new();
    for row in &read.rows {
        let Some(path) = href::normalise(&at.url, &row.href) else { continue };
        let data = translate::calendar_data(row);
        match (row.status, data) {
            (_, Some(data)) => {
                let etag = row.text(Ns::Dav, "getetag");
                let item = translate::item(at, &path, etag, data.text.as_bytes());
                found.insert(path, Fetched::There(item, data.text.clone().into_bytes()));
            }
            (Some(404 | 410), None) => {
                found.entry(path.clone()).or_insert(Fetched::NotThere(path));
            }
            _ => {}
        }
    }
    found
}

fn unreadable(path: &str, fault: &str) -> Fetched {
    Fetched::There(translate::unread(ItemRef::new(path), fault.to_owned()), Vec::new())
}

/// Why a multiget gave nothing.
enum Trouble {
    /// Its reply is too large to take.
    TooMuch,
    /// The server may not know the REPORT.
    Refused,
    Failed(Error),
}
