//! Where a reply may send us on, and what goes along.

use super::{Scripted, ask, call, reply, text, transport};
use crate::{
    error::Kind,
    transport::{Landed, landed},
};

#[tokio::test]
async fn the_method_and_the_body_are_kept() {
    for status in [301, 302, 303, 307, 308] {
        for method in ["PROPFIND", "REPORT", "GET"] {
            let service = Scripted::new([
                reply(status, &[("location", "https://cal.example/there/")], ""),
                reply(207, &[], "done"),
            ]);
            let answer =
                transport(&service).send(&call(), ask(method, "https://cal.example/here/")).await;
            let answer = answer.unwrap();
            assert_eq!(answer.body(), "done");
            let expected = Landed {
                url: "https://cal.example/there/".parse().unwrap(),
                redirects: 1,
                permanently: matches!(status, 301 | 308),
            };
            assert_eq!(landed(&answer), Some(&expected));
            let asked = service.asked.lock().unwrap();
            assert_eq!(asked[1].method().as_str(), method);
            assert_eq!(asked[1].body(), "<asked/>");
            assert!(asked[1].headers().contains_key("authorization"));
        }
    }
}

#[tokio::test]
async fn a_write_follows_only_what_promises_the_same_request() {
    for (status, follows) in [(301, false), (302, false), (303, false), (307, true), (308, true)] {
        let service =
            Scripted::new([reply(status, &[("location", "/there")], ""), reply(201, &[], "")]);
        let answer =
            transport(&service).send(&call(), ask("PUT", "https://cal.example/here")).await;
        let expected = if follows { 201 } else { status };
        assert_eq!(answer.unwrap().status().as_u16(), expected);
    }
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    for (target, trusted, kept) in [
        ("https://cal.example/other", None, true),
        ("https://cal.example:8443/", None, false),
        ("https://evil.example/", None, false),
        ("https://p34.cal.example/", None, false),
        ("https://p34.cal.example/", Some("cal.example"), true),
        ("https://cal.example.evil.example/", Some("cal.example"), false),
        ("https://notcal.example/", Some("cal.example"), false),
    ] {
        let service = Scripted::new([reply(301, &[("location", target)], ""), reply(200, &[], "")]);
        let call = call().trusting(trusted);
        transport(&service).send(&call, ask("GET", "https://cal.example/")).await.unwrap();
        let asked = service.asked.lock().unwrap();
        assert_eq!(asked[1].headers().contains_key("authorization"), kept, "{target} {trusted:?}");
    }
}

#[tokio::test]
async fn credentials_once_dropped_do_not_come_back() {
    let service = Scripted::new([
        reply(302, &[("location", "https://evil.example/")], ""),
        reply(302, &[("location", "https://cal.example/back")], ""),
        reply(200, &[], ""),
    ]);
    transport(&service).send(&call(), ask("GET", "https://cal.example/")).await.unwrap();
    let asked = service.asked.lock().unwrap();
    assert!(!asked[2].headers().contains_key("authorization"));
}

#[tokio::test]
async fn every_redirect_is_checked_like_a_first_address() {
    for target in [
        "http://cal.example/",
        "http://evil.example/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/",
        "https://[::ffff:10.0.0.1]/",
        "https://0x7f000001/",
        "https://cal.example:22/",
        "//169.254.169.254/",
        "ftp://cal.example/",
        "file:///etc/passwd",
        "https://user@10.0.0.1/",
    ] {
        let service = Scripted::new([reply(302, &[("location", target)], ""), reply(200, &[], "")]);
        let outcome =
            transport(&service).send(&call(), ask("GET", "https://cal.example/secret-path")).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.kind, Kind::BlockedAddress, "{target}");
        assert!(!text(&error).contains("secret"), "{}", text(&error));
        assert_eq!(service.hosts().len(), 1, "{target} was asked");
    }
}

#[tokio::test]
async fn five_redirects_are_followed_and_no_sixth() {
    let hops = |count| (0..count).map(|_| reply(302, &[("location", "/next")], ""));
    let service = Scripted::new(hops(5).chain([reply(200, &[], "")]));
    let answer = transport(&service).send(&call(), ask("GET", "https://cal.example/")).await;
    assert_eq!(answer.unwrap().status(), 200);
    let service = Scripted::new(hops(6).chain([reply(200, &[], "")]));
    let outcome = transport(&service).send(&call(), ask("GET", "https://cal.example/")).await;
    assert_eq!(outcome.unwrap_err().kind, Kind::BadReply);
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_no_answer() {
    for location in ["https://", "https://[::1", "http:///x y"] {
        let service = Scripted::new([reply(302, &[("location", location)], "")]);
        let outcome = transport(&service).send(&call(), ask("GET", "https://cal.example/")).await;
        assert!(matches!(outcome.unwrap_err().kind, Kind::BadReply | Kind::BlockedAddress));
    }
}
