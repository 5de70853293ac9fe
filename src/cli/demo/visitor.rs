//! Somebody with a browser: keeps cookies, is led on, presses buttons.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use reqwest::{Method, header, redirect};
use url::Url;

/// How often one is led on before that is a mistake.
const MOST_REDIRECTS: usize = 10;

#[derive(Debug)]
pub(super) struct Visitor {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

/// What is shown, and where.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) url: Url,
    pub(super) text: String,
}

impl Visitor {
    pub(super) fn new() -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().redirect(redirect::Policy::none()).build()?;
        Ok(Self { http, cookies: BTreeMap::new() })
    }

    /// Opens an address.
    pub(super) async fn open(&mut self, url: &Url) -> anyhow::Result<Page> {
        self.go(Method::GET, url.clone(), String::new()).await
    }

    /// Sends the form of a page.
    pub(super) async fn press(
        &mut self,
        page: &Page,
        fields: &[(&str, &str)],
    ) -> anyhow::Result<Page> {
        let form =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.go(Method::POST, page.url.clone(), form).await
    }

    async fn go(&mut self, method: Method, url: Url, form: String) -> anyhow::Result<Page> {
        let (mut method, mut url, mut form) = (method, url, form);
        for _ in 0..MOST_REDIRECTS {
            let cookies: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let request = self
                .http
                .request(method.clone(), url.clone())
                .header(header::COOKIE, cookies.join("; "))
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(std::mem::take(&mut form));
            let answer = request.send().await.context("a page of the demo does not open")?;
            self.keep_cookies(&answer);
            let to = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
            let Some(to) = to.filter(|_| answer.status().is_redirection()) else {
                if !answer.status().is_success() {
                    bail!("a page of the demo answers {}", answer.status());
                }
                return Ok(Page { url, text: answer.text().await? });
            };
            url = url.join(to)?;
            method = Method::GET;
        }
        bail!("the pages of the demo lead in circles")
    }

    fn keep_cookies(&mut self, answer: &reqwest::Response) {
        for line in answer.headers().get_all(header::SET_COOKIE) {
            let pair = line.to_str().ok().and_then(|line| line.split(';').next()?.split_once('='));
            if let Some((name, value)) = pair {
                self.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}

impl Page {
    /// The address behind a link of the page.
    pub(super) fn link(&self, part: &str) -> anyhow::Result<Url> {
        let found = self.text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let href = found.into_iter().find(|href| href.contains(part));
        let href = href.with_context(|| format!("the page has no link to {part}"))?;
        Ok(self.url.join(&href.replace("&amp;", "&").replace("&#38;", "&"))?)
    }
}
