//! A feed that says it has moved for good is believed when it has said so three times in a row.

use base64::{Engine, prelude::BASE64_STANDARD};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::Aead};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

const BELIEVED_AFTER: u32 = 3;

/// What is kept between connectors of one feed. The new address is a secret as much as the old one: it is
/// sealed under a key that only who knows the old one can make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Moved {
    to: Option<String>,
    times: u32,
}

impl Moved {
    /// The address to ask instead of `from`, once it is believed.
    pub(super) fn target(&self, from: &Url) -> Option<Url> {
        (self.times >= BELIEVED_AFTER).then(|| self.to.as_deref().and_then(|to| open(from, to)))?
    }

    /// Takes note of where a pull of `from` ended; `None` when it ended where it began or was only sent on
    /// for now.
    pub(super) fn note(&mut self, from: &Url, to: Option<&Url>) {
        let Some(to) = to.filter(|to| to.scheme() == "https") else {
            *self = Self::default();
            return;
        };
        let same = self.to.as_deref().and_then(|known| open(from, known)).as_ref() == Some(to);
        self.times = if same { self.times.saturating_add(1) } else { 1 };
        self.to = if same { self.to.take() } else { seal(from, to) };
    }
}

fn cipher(from: &Url) -> XChaCha20Poly1305 {
    let key =
        Sha256::new().chain_update("calhub moved feed\n").chain_update(from.as_str()).finalize();
    XChaCha20Poly1305::new(&key)
}

/// The nonce is made from what is sealed, so that equal ones repeat only for equal texts.
fn seal(from: &Url, to: &Url) -> Option<String> {
    let digest = Sha256::new().chain_update(from.as_str()).chain_update(to.as_str()).finalize();
    let nonce: Vec<u8> = digest.iter().take(24).copied().collect();
    let sealed = cipher(from).encrypt(XNonce::from_slice(&nonce), to.as_str().as_bytes()).ok()?;
    Some(BASE64_STANDARD.encode([nonce, sealed].concat()))
}

fn open(from: &Url, sealed: &str) -> Option<Url> {
    let bytes = BASE64_STANDARD.decode(sealed).ok()?;
    let (nonce, sealed) = bytes.split_at_checked(24)?;
    let text = cipher(from).decrypt(XNonce::from_slice(nonce), sealed).ok()?;
    String::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Moved;

    #[test]
    fn a_move_is_believed_at_the_third_time_and_told_to_nobody() {
        let from = "https://a.example/secret-1.ics".parse().unwrap();
        let to = "https://b.example/secret-2.ics".parse().unwrap();
        let elsewhere = "https://c.example/x.ics".parse().unwrap();
        let mut moved = Moved::default();
        moved.note(&from, Some(&to));
        moved.note(&from, Some(&to));
        assert_eq!(moved.target(&from), None);
        moved.note(&from, Some(&elsewhere));
        moved.note(&from, Some(&to));
        moved.note(&from, Some(&to));
        assert_eq!(moved.target(&from), None, "the count starts over");
        moved.note(&from, Some(&to));
        assert_eq!(moved.target(&from), Some(to));
        let kept = serde_json::to_string(&moved).unwrap();
        assert!(!kept.contains("secret") && !kept.contains("example"), "{kept}");
        assert_eq!(moved.target(&elsewhere), None, "another feed cannot open it");
    }
}
