//! How a page stands towards the outside, for a condition and for people.

use kuma_core::object::StatusPage;

/// Why it stands so; also the reason of the condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Something leads to it under each of its hosts.
    Exposed,
    /// It is not published.
    Unpublished,
    /// It is being made, or not all has been seen yet.
    Pending,
    /// Nothing leads from a host.
    NotRouted,
    /// A host leads elsewhere.
    RoutedElsewhere,
    /// A host that is to be https is not.
    TlsMissing,
    /// A Gateway has not taken the route.
    NotAccepted,
    /// No Gateway is named.
    GatewayMissing,
    /// What the page's annotations say cannot be used.
    BadAnnotation,
    /// The name of the object that leads to it is somebody else's.
    NameTaken,
    /// What is asked for cannot be.
    NotPossible,
}

impl Reason {
    /// The reason as conditions have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exposed => "Exposed",
            Self::Unpublished => "Unpublished",
            Self::Pending => "ExposurePending",
            Self::NotRouted => "HostNotRouted",
            Self::RoutedElsewhere => "HostRoutedElsewhere",
            Self::TlsMissing => "TlsMissing",
            Self::NotAccepted => "RouteNotAccepted",
            Self::GatewayMissing => "GatewayMissing",
            Self::BadAnnotation => "BadAnnotation",
            Self::NameTaken => "NameTaken",
            Self::NotPossible => "ExposureNotPossible",
        }
    }
}

/// How a page stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Why.
    pub reason: Reason,
    /// The same as a sentence, with what to do about it.
    pub message: String,
    /// Where the page is, once something leads to it.
    pub address: Option<String>,
}

impl Standing {
    pub(super) fn new(page: &StatusPage, reason: Reason, message: impl Into<String>) -> Self {
        let address = (reason == Reason::Exposed).then(|| address(page)).flatten();
        let message = kuma_core::observation::bounded(message.into(), 1024);
        Self { reason, message, address }
    }

    /// Whether the page can be reached; none while that is not known.
    pub const fn holds(&self) -> Option<bool> {
        match self.reason {
            Reason::Exposed | Reason::Unpublished => Some(true),
            Reason::Pending => None,
            _ => Some(false),
        }
    }
}

fn address(page: &StatusPage) -> Option<String> {
    let scheme = if page.exposure.tls_secret.is_some() { "https" } else { "http" };
    page.exposure.hosts.first().map(|host| format!("{scheme}://{host}/"))
}
