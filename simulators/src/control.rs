//! The control API under `/_sim/`.

use bytes::Bytes;
use http::Request;

use crate::{caldav::Reply, world::World};

pub(crate) fn answer(_world: &World, _request: &Request<Bytes>) -> Reply {
    crate::caldav_reply(404, "", Bytes::new())
}
