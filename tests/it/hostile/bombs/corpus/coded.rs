//! Content codings that hurt.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use super::{Bomb, Kind, Later, later, one};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn spaces() -> Vec<u8> {
    gzip(&vec![b' '; 64 << 20])
}

fn honest() -> Vec<u8> {
    gzip(one(&"X-A:b\r\n".repeat(10_000)).as_bytes())
}

/// Content codings.
pub(super) fn coded() -> Vec<Bomb> {
    let all: Vec<(&'static str, Later)> = vec![
        ("gzip", later("gzip-of-64-mib", spaces)),
        ("gzip", later("gzip-of-gzip", || gzip(&spaces()))),
        ("gzip", later("gzip-in-many-parts", || gzip(&vec![b' '; 1 << 16]).repeat(2_000))),
        ("gzip", later("gzip-of-empty-parts", || gzip(b"").repeat(100_000))),
        ("gzip", later("gzip-cut-short", || honest()[..150].to_vec())),
        ("gzip", later("gzip-of-nothing-known", || b"\x1f\x8b\x08\x00".repeat(100_000))),
        ("gzip, gzip", later("gzip-twice-named", honest)),
        ("deflate", later("deflate-unasked", spaces)),
        ("br", later("brotli-unasked", spaces)),
    ];
    let bomb = |(coding, (name, made))| Bomb { name, kind: Kind::Feed, coding: Some(coding), made };
    all.into_iter().map(bomb).collect()
}
