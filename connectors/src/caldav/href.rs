//! One spelling for every href: servers encode `@`, letters and hex digits differently from one reply to the next.

use url::Url;

/// Resolves an href against the URL that was asked, and gives its path in one spelling: unreserved characters
/// and `@` decoded, hex digits in upper case, everything else (also `%2F`) as it was.
pub(super) fn normalise(asked: &Url, href: &str) -> Option<String> {
    if is_spelled(href.trim()) && matches!(asked.scheme(), "http" | "https") {
        return Some(href.trim().to_owned());
    }
    let target = resolve(asked, href)?;
    Some(spell(target.path()))
}

/// Whether an href is plainly a path in its one spelling already, as nearly all are.
fn is_spelled(href: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~@./".contains(&byte);
    href.starts_with('/')
        && !href.starts_with("//")
        && href.bytes().all(plain)
        && !href.as_bytes().windows(2).any(|pair| pair == b"/.")
}

/// Resolves an href into a full URL with its path in one spelling.
pub(super) fn resolve(asked: &Url, href: &str) -> Option<Url> {
    let mut target = asked.join(href.trim()).ok()?;
    if !matches!(target.scheme(), "http" | "https") {
        return None;
    }
    target.set_query(None);
    target.set_fragment(None);
    let path = spell(target.path());
    target.set_path(&path);
    Some(target)
}

fn spell(path: &str) -> String {
    let mut spelled = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        let (before, after) = rest.split_at(at);
        spelled.push_str(before);
        match after.get(1..3).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
                    spelled.push(char::from(byte));
                } else {
                    spelled.push_str(&format!("%{byte:02X}"));
                }
                rest = after.get(3..).unwrap_or("");
            }
            None => {
                spelled.push_str("%25");
                rest = after.get(1..).unwrap_or("");
            }
        }
    }
    spelled.push_str(rest);
    spelled
}

/// Whether two paths name one place; a final slash makes no difference.
pub(super) fn same(left: &str, right: &str) -> bool {
    left.trim_end_matches('/') == right.trim_end_matches('/')
}
