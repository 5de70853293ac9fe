//! Walking the chain: every entry at its place, every link on the one before, the end where the signed head says.

use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    AuditLog,
    chain::{HEAD, Head, first_link, link_of, mac_of},
};
use crate::store::{AuditRow, StoreError, Tx};

/// Entries read at a time: all that is held in memory.
const PAGE: i64 = 500;

/// What a walk has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Entries that stand at their place, from the first on, until the first that does not.
    pub checked: i64,
    /// The signed end of the chain: its last place, its link and when it was signed. To be noted elsewhere.
    pub head: Option<(NotedHead, Timestamp)>,
    /// Entries that wait for their place, and since when the oldest does.
    pub unsealed: i64,
    pub oldest_unsealed: Option<Timestamp>,
    /// The first thing that is not as the hub wrote it.
    pub broken: Option<Broken>,
}

/// The first entry that does not stand as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its place; `None` for one that waits for it, and for the head.
    pub n: Option<i64>,
    /// Its id, where there is an entry.
    pub audit_id: Option<String>,
    pub fault: Fault,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// There is no signed head.
    HeadMissing,
    /// The head is not one that the hub has signed.
    HeadForged,
    /// The head, or an entry, is another than was seen there before: the log was put back to an earlier state.
    PutBack,
    /// There is no entry at this place.
    Missing,
    /// Another entry has this place already.
    Doubled,
    /// The entry does not say what was written.
    Altered,
    /// The entry is genuine, and does not belong at this place.
    Misplaced,
    /// The entry lies beyond the signed end.
    BeyondHead,
    /// The entry cannot be read at all.
    Unreadable,
    /// The entry has no place yet, and is not one that the hub has written.
    Forged,
}

impl Fault {
    /// The same for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::HeadMissing => "the signed head is gone",
            Self::HeadForged => "the head is not one that the hub signed",
            Self::PutBack => "the log was put back to an earlier state",
            Self::Missing => "the entry is gone",
            Self::Doubled => "another entry has this place",
            Self::Altered => "the entry was altered",
            Self::Misplaced => "the entry does not belong at this place",
            Self::BeyondHead => "the entry lies beyond the signed end",
            Self::Unreadable => "the entry cannot be read",
            Self::Forged => "the hub did not write this entry",
        }
    }
}

/// A place in the chain and its link, as an operator has noted it: `<n>:<link>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedHead {
    pub n: i64,
    pub link: String,
}

impl FromStr for NotedHead {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (n, link) = text.split_once(':').ok_or(())?;
        let n = n.parse().ok().filter(|n| *n >= 0).ok_or(())?;
        let is_link = link.len() == 64 && link.bytes().all(|b| b.is_ascii_hexdigit());
        is_link.then(|| Self { n, link: link.to_ascii_lowercase() }).ok_or(())
    }
}

impl std::fmt::Display for NotedHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.n, self.link)
    }
}

fn broken<T>(n: Option<i64>, row: Option<&AuditRow>, fault: Fault) -> Result<T, Broken> {
    Err(Broken { n, audit_id: row.map(|row| row.audit_id.clone()), fault })
}

/// How far a walk has come.
struct Walk<'a> {
    log: &'a AuditLog,
    n: i64,
    link: String,
    /// Places whose links are known from elsewhere.
    known: Vec<NotedHead>,
}

impl AuditLog {
    /// Checks the whole log in the state of one instant, a page at a time. `noted` is a head from an earlier answer: it
    /// must still be a part of the chain.
    ///
    /// # Errors
    ///
    /// When the store fails. What is found is no error.
    pub async fn verify(&self, noted: Option<NotedHead>) -> Result<Verdict, StoreError> {
        let _alone = self.walking.lock().await;
        let seen = self.seen().map(|head| NotedHead { n: head.n, link: head.link });
        let mut tx = self.store.read().await?;
        let head = match tx.instance().get(HEAD).await? {
            None => Err(Fault::HeadMissing),
            Some(text) => Head::parse(&self.vault, &text).ok_or(Fault::HeadForged),
        };
        let mut walk = Walk {
            log: self,
            n: 0,
            link: first_link(&self.vault),
            known: noted.into_iter().chain(seen).collect(),
        };
        let ended = walk.run(&mut tx, head.as_ref().ok()).await?;
        let ended = ended.and_then(|()| match &head {
            Err(fault) => broken(None, None, *fault),
            Ok(_) => Ok(()),
        });
        let ended = match ended {
            Ok(()) => walk.tail(&mut tx).await?,
            broken => broken,
        };
        let tail = tx.audit().tail().await.unwrap_or_default();
        tx.rollback().await?;
        if let (Ok(head), Ok(())) = (&head, &ended) {
            self.saw(head.clone());
        }
        Ok(Verdict {
            checked: walk.n,
            head: head.ok().map(|head| (NotedHead { n: head.n, link: head.link }, head.at)),
            unsealed: tail.total,
            oldest_unsealed: tail.oldest_us.and_then(|us| Timestamp::from_microsecond(us).ok()),
            broken: ended.err(),
        })
    }
}

impl Walk<'_> {
    /// Checks every entry that has a place.
    async fn run(
        &mut self,
        tx: &mut Tx,
        head: Option<&Head>,
    ) -> Result<Result<(), Broken>, StoreError> {
        let (mut last, mut limit) = (None::<AuditRow>, PAGE);
        loop {
            let rows = match tx.audit().sealed(last.as_ref(), limit).await {
                // One of them cannot be read: the one that is left when they are read singly.
                Err(StoreError::Corrupt { .. }) if limit > 1 => {
                    limit = 1;
                    continue;
                }
                Err(StoreError::Corrupt { .. }) => {
                    return Ok(broken(Some(self.n + 1), None, Fault::Unreadable));
                }
                rows => rows?,
            };
            for row in &rows {
                if let Err(broken) = self.step(row, head) {
                    return Ok(Err(broken));
                }
            }
            match rows.into_iter().next_back() {
                Some(row) => last = Some(row),
                None => return Ok(self.end(head)),
            }
        }
    }

    fn step(&mut self, row: &AuditRow, head: Option<&Head>) -> Result<(), Broken> {
        let (n, expected) = (row.n.unwrap_or_default(), self.n + 1);
        if n < expected {
            return broken(Some(n), Some(row), Fault::Doubled);
        }
        if n > expected {
            return broken(Some(expected), None, Fault::Missing);
        }
        if head.is_some_and(|head| n > head.n) {
            return broken(Some(n), Some(row), Fault::BeyondHead);
        }
        let vault = &self.log.vault;
        if row.mac != mac_of(vault, row) {
            return broken(Some(n), Some(row), Fault::Altered);
        }
        let link = link_of(vault, &self.link, n, &row.mac);
        if row.link.as_deref() != Some(&link) {
            return broken(Some(n), Some(row), Fault::Misplaced);
        }
        if self.known.iter().any(|known| known.n == n && known.link != link) {
            return broken(Some(n), Some(row), Fault::PutBack);
        }
        (self.n, self.link) = (n, link);
        Ok(())
    }

    fn end(&self, head: Option<&Head>) -> Result<(), Broken> {
        let Some(head) = head else { return Ok(()) };
        if self.n < head.n {
            return broken(Some(self.n + 1), None, Fault::Missing);
        }
        if self.link != head.link {
            return broken(None, None, Fault::HeadForged);
        }
        if self.known.iter().any(|known| known.n > head.n) {
            return broken(Some(head.n + 1), None, Fault::PutBack);
        }
        Ok(())
    }

    /// Checks that what waits for its place was written by the hub.
    async fn tail(&self, tx: &mut Tx) -> Result<Result<(), Broken>, StoreError> {
        let (mut last, mut limit) = (None::<AuditRow>, PAGE);
        loop {
            let rows = match tx.audit().unsealed(last.as_ref(), limit).await {
                Err(StoreError::Corrupt { .. }) if limit > 1 => {
                    limit = 1;
                    continue;
                }
                Err(StoreError::Corrupt { .. }) => {
                    return Ok(broken(None, None, Fault::Unreadable));
                }
                rows => rows?,
            };
            let forged = rows
                .iter()
                .find(|row| row.mac != mac_of(&self.log.vault, row) || row.link.is_some());
            if let Some(row) = forged {
                return Ok(broken(None, Some(row), Fault::Forged));
            }
            match rows.into_iter().next_back() {
                Some(row) => last = Some(row),
                None => return Ok(Ok(())),
            }
        }
    }
}
