//! Bytes to text, whatever they are: UTF-8 with or without a BOM, UTF-16, or stray Latin-1.

use std::borrow::Cow;

/// Decodes without ever failing. A byte that is no UTF-8 is read as Latin-1, after joining folded lines,
/// because some producers fold inside a character. Control characters vanish.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let text = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => decode_utf8(rest),
        [0xFF, 0xFE, rest @ ..] => Cow::Owned(decode_utf16(rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => Cow::Owned(decode_utf16(rest, u16::from_be_bytes)),
        [first, 0, ..] if *first != 0 => Cow::Owned(decode_utf16(bytes, u16::from_le_bytes)),
        [0, second, ..] if *second != 0 => Cow::Owned(decode_utf16(bytes, u16::from_be_bytes)),
        _ => decode_utf8(bytes),
    };
    // Without a way out inside a chunk, many bytes are looked at in one step.
    let has_noise = |chunk: &[u8]| chunk.iter().fold(false, |any, b| any | is_noise(*b));
    if text.as_bytes().chunks(256).any(has_noise) {
        Cow::Owned(text.replace(is_noise_char, ""))
    } else {
        text
    }
}

fn is_noise(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')
}

fn is_noise_char(c: char) -> bool {
    u8::try_from(c).is_ok_and(is_noise)
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(unit);
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn decode_utf8(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(decode_mixed(&unfold(bytes))),
    }
}

fn decode_mixed(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().copied().map(char::from));
    }
    text
}

/// Joins folded lines while they are still bytes.
fn unfold(bytes: &[u8]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match rest {
            [b'\r', b'\n', b' ' | b'\t', after @ ..] | [b'\n', b' ' | b'\t', after @ ..] => after,
            _ => {
                joined.push(byte);
                after
            }
        };
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_text() {
        assert_eq!(decode(b"\xEF\xBB\xBFBEGIN"), "BEGIN");
        assert_eq!(decode(b"\xFF\xFEB\0E\0"), "BE");
        assert_eq!(decode(b"\xFE\xFF\0B\0E"), "BE");
    }

    #[test]
    fn utf16_is_seen_without_a_mark() {
        assert_eq!(decode(b"B\0E\0"), "BE");
        assert_eq!(decode(b"\0B\0E"), "BE");
    }

    #[test]
    fn latin1_bytes_stay_apart_from_each_other() {
        assert_eq!(decode(b"UID:caf\xE9"), "UID:café");
        assert_ne!(decode(b"UID:caf\xE9"), decode(b"UID:caf\xE8"));
    }

    #[test]
    fn a_fold_inside_a_character_is_joined_before_decoding() {
        assert_eq!(decode(b"UID:caf\xC3\r\n \xA9!\r\nX:1"), "UID:café!\r\nX:1");
    }

    #[test]
    fn control_characters_vanish() {
        assert_eq!(decode(b"UI\x00D:\x07a\tb"), "UID:a\tb");
    }
}
