//! The ciphers themselves: bytes in, bytes out.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use secrecy::SecretString;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::error::{Result, SecretsError};
use crate::clock::Entropy;

pub(super) type Key = Zeroizing<[u8; 32]>;

/// The form of everything sealed by this version: version, key name, nonce, ciphertext.
pub(super) const VERSION: u8 = 1;
const NONCE_LEN: usize = 24;

/// Makes a secret for a caller to keep: 256 bits as 64 hexadecimal digits.
pub fn mint_secret(entropy: &dyn Entropy) -> SecretString {
    SecretString::from(random_hex(entropy, 32))
}

pub(super) fn random_hex(entropy: &dyn Entropy, len: usize) -> String {
    let mut random = Zeroizing::new(vec![0_u8; len]);
    entropy.fill(&mut random);
    random.iter().fold(String::with_capacity(2 * len), |mut text, byte| {
        text.extend(
            [byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16).unwrap_or('0')),
        );
        text
    })
}

pub(super) fn random_key(entropy: &dyn Entropy) -> Key {
    let mut key = Key::default();
    entropy.fill(key.as_mut_slice());
    key
}

pub(super) fn hmac(key: &Key, message: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key.as_slice())
        .expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Seals `plain` under `key`, bound to the head and to `place`, and puts head and nonce in front of it.
pub(super) fn seal(
    key: &Key,
    head: &[u8],
    place: &[&[u8]],
    plain: &[u8],
    entropy: &dyn Entropy,
) -> Vec<u8> {
    let mut nonce = [0_u8; NONCE_LEN];
    entropy.fill(&mut nonce);
    let aad = bound(head, place);
    let sealed = XChaCha20Poly1305::new(key.as_slice().into())
        .encrypt(XNonce::from_slice(&nonce), Payload { msg: plain, aad: &aad })
        .expect("a secret is far shorter than the cipher's limit of 256 GiB");
    [head, &nonce, &sealed].concat()
}

pub(super) fn open(
    key: &Key,
    head: &[u8],
    place: &[&[u8]],
    rest: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = split(rest, NONCE_LEN)?;
    let aad = bound(head, place);
    XChaCha20Poly1305::new(key.as_slice().into())
        .decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: &aad })
        .map(Zeroizing::new)
        .map_err(|_| SecretsError::Tampered)
}

/// Joins head and place so that no two different ones read alike.
pub(super) fn bound(head: &[u8], place: &[&[u8]]) -> Vec<u8> {
    let mut aad = b"calhub\0".to_vec();
    for part in std::iter::once(&head).chain(place) {
        aad.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        aad.extend(*part);
    }
    aad
}

pub(super) fn split(bytes: &[u8], at: usize) -> Result<(&[u8], &[u8])> {
    bytes.split_at_checked(at).ok_or(SecretsError::Tampered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    #[test]
    fn parts_that_are_cut_elsewhere_are_another_place() {
        assert_ne!(bound(b"h", &[b"ab", b"c"]), bound(b"h", &[b"a", b"bc"]));
        assert_ne!(bound(b"h", &[b"a", b""]), bound(b"h", &[b"a"]));
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        let entropy = SeededEntropy::new(3);
        let key = random_key(&entropy);
        let sealed = seal(&key, &[VERSION, 7], &[b"x"], b"swordfish", &entropy);
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            assert!(open(&key, &bad[..2], &[b"x"], &bad[2..]).is_err(), "byte {at}");
        }
    }
}
