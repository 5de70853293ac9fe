//! A bare client: requests in process, with the login of the test account.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use simulators::{Account, AccountSpec, Calendar, CalendarSpec, Cut, Profile, World};

pub struct Client {
    pub world: World,
    pub anna: Account,
    pub work: Calendar,
}

pub struct Answer {
    pub status: u16,
    pub body: String,
    response: Response<Bytes>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn headers(&self, name: &str) -> Vec<String> {
        self.response
            .headers()
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }

    pub fn etag(&self) -> &str {
        self.header("etag")
    }

    /// The text of the first element of this local name, whatever its prefix.
    pub fn element(&self, name: &str) -> Option<String> {
        let open = self.body.match_indices(name).find(|(at, _)| {
            let before = self.body[..*at].chars().next_back().unwrap();
            let after = self.body[at + name.len()..].chars().next().unwrap();
            (before == '<' || (before == ':' && !self.body[..*at].ends_with("/:")))
                && (after == '>' || after == ' ')
        })?;
        let rest = &self.body[open.0..];
        let text = &rest[rest.find('>')? + 1..];
        Some(text[..text.find('<')?].to_owned())
    }

    pub fn count(&self, part: &str) -> usize {
        self.body.matches(part).count()
    }
}

impl Client {
    /// A world with the account `anna` of a profile and her calendar `work`.
    pub fn new(profile: &str) -> Self {
        Self::of(Profile::named(profile).unwrap())
    }

    pub fn of(profile: Profile) -> Self {
        let world = World::new("2027-03-01T08:00:00Z".parse().unwrap());
        let anna = world.add_account(AccountSpec::new("anna", "secret").profile(profile));
        let work = anna.add_calendar(CalendarSpec::new("work"));
        Self { world, anna, work }
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, Cut> {
        let mut request = Request::builder().method(method).uri(path).header("host", "sim.example");
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request
                .header("authorization", format!("Basic {}", STANDARD.encode("anna:secret")));
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let response =
            self.world.call(request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()).await?;
        let body = String::from_utf8_lossy(response.body()).into_owned();
        Ok(Answer { status: response.status().as_u16(), body, response })
    }

    pub async fn put(&self, name: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send("PUT", &self.work.href(name), headers, body).await
    }

    pub async fn get(&self, name: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", &self.work.href(name), headers, "").await
    }

    pub async fn report(&self, body: &str) -> Answer {
        self.send("REPORT", &self.work.path(), &[("depth", "1")], body).await
    }

    pub async fn sync(&self, token: &str) -> Answer {
        self.sync_limited(token, None).await
    }

    pub async fn sync_limited(&self, token: &str, limit: Option<u32>) -> Answer {
        let limit =
            limit.map_or(String::new(), |n| format!("<limit><nresults>{n}</nresults></limit>"));
        self.report(&format!(
            "<sync-collection xmlns=\"DAV:\"><sync-token>{token}</sync-token><sync-level>1</sync-level>{limit}\
             <prop><getetag/></prop></sync-collection>"
        ))
        .await
    }

    pub async fn propfind(&self, path: &str, depth: &str, props: &str) -> Answer {
        let body = format!(
            "<d:propfind xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\" \
             xmlns:s=\"http://calendarserver.org/ns/\"><d:prop>{props}</d:prop></d:propfind>"
        );
        self.send("PROPFIND", path, &[("depth", depth)], &body).await
    }

    pub async fn between(&self, start: &str, end: &str) -> Answer {
        self.report(&format!(
            "<c:calendar-query xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\"><d:prop><d:getetag/>\
             <c:calendar-data/></d:prop><c:filter><c:comp-filter name=\"VCALENDAR\"><c:comp-filter name=\"VEVENT\">\
             <c:time-range start=\"{start}\" end=\"{end}\"/></c:comp-filter></c:comp-filter></c:filter>\
             </c:calendar-query>"
        ))
        .await
    }
}

/// An event of an hour.
pub fn event(uid: &str, extra: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
         DTSTAMP:20270101T000000Z\r\nDTSTART:20270301T090000Z\r\nDTEND:20270301T100000Z\r\n{extra}END:VEVENT\r\n\
         END:VCALENDAR\r\n"
    )
}
