//! What an update says of a login, laid over the stored one.

use secrecy::ExposeSecret;

use super::{LinkError, LinkUpdate};
use crate::{
    model::states::Provider,
    sync::{Grant, Login},
};

/// The login that an update states as a whole, where the stored one does not open; `None` when it states none.
pub(super) fn whole(provider: Provider, update: &LinkUpdate) -> Result<Option<Login>, LinkError> {
    let LinkUpdate { url, username, password, refresh_token, .. } = update;
    if url.is_none() && username.is_none() && password.is_none() && refresh_token.is_none() {
        return Ok(None);
    }
    match (provider, url, username, password) {
        (Provider::Ics, Some(url), None, None) => Ok(Some(Login::Ics { url: url.clone() })),
        (Provider::Caldav, Some(url), Some(username), Some(password)) => Ok(Some(Login::Caldav {
            url: url.expose_secret().to_owned(),
            username: username.clone(),
            password: password.clone(),
        })),
        _ => Err(LinkError::Unreadable),
    }
}

/// The login with some of its parts replaced, or `None` when none is.
pub(super) fn merged(old: &Login, update: &LinkUpdate) -> Result<Option<Login>, LinkError> {
    let LinkUpdate { url, username, password, refresh_token, .. } = update;
    match old {
        Login::Caldav { .. } | Login::Ics { .. } if refresh_token.is_some() => {
            Err(LinkError::DoesNotFit("refresh_token"))
        }
        Login::Caldav { url: old_url, username: old_username, password: old_password } => {
            let changes = url.is_some() || username.is_some() || password.is_some();
            Ok(changes.then(|| Login::Caldav {
                url: url.as_ref().map_or_else(|| old_url.clone(), |u| u.expose_secret().to_owned()),
                username: username.as_ref().unwrap_or(old_username).clone(),
                password: password.as_ref().unwrap_or(old_password).clone(),
            }))
        }
        Login::Ics { .. } if username.is_some() => Err(LinkError::DoesNotFit("username")),
        Login::Ics { .. } if password.is_some() => Err(LinkError::DoesNotFit("password")),
        Login::Ics { .. } => Ok(url.clone().map(|url| Login::Ics { url })),
        Login::OAuth(_) if url.is_some() => Err(LinkError::DoesNotFit("url")),
        Login::OAuth(_) if username.is_some() => Err(LinkError::DoesNotFit("username")),
        Login::OAuth(_) if password.is_some() => Err(LinkError::DoesNotFit("password")),
        // More access than was agreed to needs another grant, and less is told to the connector: either is checked.
        Login::OAuth(old) => {
            let access = update.access.unwrap_or(old.access);
            let changes = refresh_token.is_some() || access != old.access;
            let refresh_token = refresh_token.as_ref().unwrap_or(&old.refresh_token).clone();
            Ok(changes.then(|| Login::OAuth(Grant { refresh_token, access, ..old.clone() })))
        }
    }
}
