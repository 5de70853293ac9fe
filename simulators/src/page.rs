//! The page a person sees at `/`.

use bytes::Bytes;

use crate::{caldav::Reply, world::World};

pub(crate) fn answer(_world: &World) -> Reply {
    crate::caldav_reply(
        200,
        "text/html; charset=utf-8",
        Bytes::from_static(b"<!doctype html><title>simulators</title>"),
    )
}
