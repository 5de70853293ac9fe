//! What CalDAV servers may answer.

use super::{Later, each, later};

fn whole(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><d:multistatus xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\">{inside}</d:multistatus>"
    )
}

fn response(inside: &str) -> String {
    whole(&format!("<d:response><d:href>/dav/cal/a.ics</d:href>{inside}</d:response>"))
}

fn laughs() -> String {
    each(30, |n| format!("<!ENTITY a{} \"{}\">", n + 1, format!("&a{n};").repeat(10)))
}

/// What CalDAV servers may answer.
pub(super) fn replies() -> Vec<Later> {
    vec![
        later("xml-100000-deep", || whole(&"<a>".repeat(100_000))),
        later("xml-deep-of-one-response", || {
            response(&("<a>".repeat(100_000) + &"</a>".repeat(100_000)))
        }),
        later("xml-declares-a-type", || format!("<!DOCTYPE a>{}", whole(""))),
        later("xml-billion-laughs", || {
            format!("<!DOCTYPE a [<!ENTITY a0 \"ha\">{}]>{}", laughs(), response("&a30;"))
        }),
        later("xml-outside-entity", || {
            format!("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{}", response("&x;"))
        }),
        later("xml-quadratic-blow-up", || {
            format!(
                "<!DOCTYPE a [<!ENTITY x \"{}\">]>{}",
                "x".repeat(1 << 20),
                response(&"&x;".repeat(1_000))
            )
        }),
        later("xml-undeclared-entities", || response(&"&nbsp;".repeat(100_000))),
        later("xml-attributes-80000", || {
            whole(&format!("<a {}/>", each(80_000, |n| format!("b{n}=\"\" "))))
        }),
        later("xml-one-attribute-80000-times", || {
            whole(&format!("<a {}/>", "b=\"\" ".repeat(80_000)))
        }),
        later("xml-namespaces-80000", || {
            whole(&format!("<a {}/>", each(80_000, |n| format!("xmlns:b{n}=\"urn:{n}\" "))))
        }),
        later("xml-namespaces-at-every-element", || {
            whole(&each(20_000, |n| format!("<b{n}:a xmlns:b{n}=\"urn:{n}\" xmlns:c=\"d\"/>")))
        }),
        later("xml-attribute-of-8-mib", || whole(&format!("<a b=\"{}\"/>", "x".repeat(8 << 20)))),
        later("xml-name-of-8-mib", || whole(&format!("<{}/>", "a".repeat(8 << 20)))),
        later("xml-text-of-8-mib", || response(&"x".repeat(8 << 20))),
        later("xml-characters-by-number", || response(&"&#65;".repeat(1 << 19))),
        later("xml-zero-bytes-by-number", || response(&"&#0;&#xffff;&#x110000;".repeat(1 << 15))),
        later("xml-comments", || whole(&"<!---->".repeat(1 << 20))),
        later("xml-comment-of-8-mib", || whole(&format!("<!--{}-->", "x".repeat(8 << 20)))),
        later("xml-instructions", || whole(&"<?a?>".repeat(1 << 19))),
        later("xml-parts-of-text", || response(&"<![CDATA[x]]>".repeat(1 << 19))),
        later("xml-never-closed", || {
            format!("<d:multistatus xmlns:d=\"DAV:\"><d:response><d:href>{}", "x".repeat(4 << 20))
        }),
        later("xml-closed-too-often", || whole("") + &"</a>".repeat(1 << 19)),
        later("xml-empty-elements", || whole(&"<a/>".repeat(100_000))),
        later("xml-responses-20000", || {
            whole(&each(20_000, |n| {
                format!("<d:response><d:href>/dav/cal/{n}/</d:href></d:response>")
            }))
        }),
        later("xml-hrefs-of-one-response", || {
            response(&"<d:href>/dav/cal/</d:href>".repeat(50_000))
        }),
        later("xml-propstats-of-one-response", || {
            response(&"<d:propstat><d:prop><d:getetag>\"1\"</d:getetag></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>".repeat(20_000))
        }),
        later("xml-href-of-4-mib", || {
            whole(&format!(
                "<d:response><d:href>/dav/cal/{}/</d:href></d:response>",
                "%41".repeat(1 << 20)
            ))
        }),
        later("xml-dots-in-a-href", || {
            whole(&format!(
                "<d:response><d:href>/dav/cal/{}</d:href></d:response>",
                "../".repeat(1 << 19)
            ))
        }),
        later("xml-token-of-4-mib", || {
            whole(&format!("<d:sync-token>{}</d:sync-token>", "t".repeat(4 << 20)))
        }),
        later("xml-of-no-text", || String::from_utf8_lossy(&[0x3c; 1 << 20]).into_owned()),
    ]
}
