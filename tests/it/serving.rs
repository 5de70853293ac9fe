//! What the built hub does on its socket and on its standard error.

use std::{
    fs::File,
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
};

use super::support::hub::{HubProcess, calhub, free_port, until};

#[tokio::test]
async fn a_client_that_sends_far_too_much_still_reads_its_answer() {
    let hub = HubProcess::start().await;
    let address = hub.url.strip_prefix("http://").unwrap().to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        let body = vec![b' '; 10_000_000];
        let mut stream = TcpStream::connect(&address).unwrap();
        let head = format!(
            "POST /v1/resources HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("urn:calhub:problem:body_too_large"), "{answer}");
}

#[tokio::test]
async fn the_log_tells_of_calendars_and_not_of_workers() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let mut hub = calhub(&dir.path().join("hub"))
        .args(["serve", "--listen", &format!("127.0.0.1:{}", free_port())])
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let read = || std::fs::read_to_string(&log).unwrap();
    until("the first line", || async { read().contains("The busy index is loaded").then_some(()) })
        .await;
    Command::new("kill").arg(hub.id().to_string()).status().unwrap();
    hub.wait().unwrap();
    assert!(!read().contains("Worker "), "{}", read());
}
