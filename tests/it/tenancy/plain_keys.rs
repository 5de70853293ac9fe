//! The keys of a store in the clear, opened here a second time and by this file's own words: what they are made of is
//! searched like every other secret, and a change of the seal's form is noticed.

use std::{path::PathBuf, process::Command};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD},
};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};

/// Version and name of the key that sealed.
const HEAD: usize = 1 + 8;
const NONCE: usize = 24;

/// A key in the clear, and as it lies sealed.
pub struct PlainKey {
    pub plain: Vec<u8>,
    pub sealed: Vec<u8>,
}

impl PlainKey {
    /// The forms in which a text might hold it.
    pub fn words(&self) -> [String; 3] {
        [hex(&self.plain), BASE64.encode(&self.plain), URL_SAFE_NO_PAD.encode(&self.plain)]
    }
}

/// Opens the data keys and the hash key in the rows of a dump.
pub fn opened(rows: &[String], kek: &[u8]) -> Vec<PlainKey> {
    let mut all = Vec::new();
    for row in rows {
        if row.starts_with("data_keys ") {
            let tenant = word_from(row, "ten_");
            let sealed = bytes(longest(row, |c| c.is_ascii_hexdigit()));
            let first = 1_i64.to_be_bytes();
            all.push(open(kek, sealed, &[b"data key", tenant.as_bytes(), &first]));
        } else if row.contains("secrets.hash_key") {
            let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
            let text = longest(row, is_base64).trim_end_matches('=');
            let padded = format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4));
            all.push(open(kek, BASE64.decode(padded).unwrap(), &[b"hash key"]));
        }
    }
    all
}

fn open(kek: &[u8], sealed: Vec<u8>, place: &[&[u8]]) -> PlainKey {
    let (head, rest) = sealed.split_at(HEAD);
    let (nonce, hidden) = rest.split_at(NONCE);
    let mut aad = b"calhub\0".to_vec();
    for part in std::iter::once(&head).chain(place) {
        aad.extend((part.len() as u64).to_be_bytes());
        aad.extend(*part);
    }
    let plain = XChaCha20Poly1305::new(kek.into())
        .decrypt(XNonce::from_slice(nonce), Payload { msg: hidden, aad: &aad })
        .unwrap();
    assert_eq!(plain.len(), 32);
    PlainKey { plain, sealed }
}

/// Files that hold these very bytes, by another program than ours. It looks at lines, so that of a key with a line end
/// in it the longer part is searched.
pub fn grep_bytes(bytes: &[u8], places: &[PathBuf]) -> Vec<String> {
    let piece = bytes.split(|byte| *byte == b'\n').max_by_key(|piece| piece.len()).unwrap();
    assert!(piece.len() >= 8, "too little of it to be told from chance");
    let pattern: String = piece.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    let mut command = Command::new("grep");
    command.env("LC_ALL", "C").args(["-rlaP", "-e", &pattern]).args(places);
    let found = command.output().unwrap();
    assert!(found.status.code().is_some_and(|code| code < 2), "{:?}", found.stderr);
    String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect()
}

fn longest(text: &str, is_part: impl Fn(char) -> bool) -> &str {
    text.split(|c| !is_part(c)).max_by_key(|part| part.len()).unwrap()
}

fn word_from<'a>(text: &'a str, start: &str) -> &'a str {
    let from = &text[text.find(start).unwrap()..];
    from.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks_exact(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
