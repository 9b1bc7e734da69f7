//! Certificates that expire soon. A warning's identity is the certificate's fingerprint and the
//! threshold, so that each threshold is told once however often the certificate is seen; another
//! certificate in its place ends what was told.

use crate::event::{Event, EventKind};
use crate::observation::Certificate;
use crate::state::MonitorState;
use crate::time::Timestamp;

use super::absorb::base;
use super::stages::{cert_level, thresholds};
use super::topic::{Over, Subject, Topic};
use super::{AnnounceState, AnnounceView};

/// Most certificates remembered per monitor; servers behind one name may show different ones.
const MAX_CERTIFICATES: usize = 4;

/// Whether a certificate has passed a threshold of any route.
pub(super) fn is_due(certificate: &Certificate, view: &AnnounceView<'_>, now: Timestamp) -> bool {
    view.entry.is_some_and(|entry| {
        entry.routes.iter().any(|route| {
            !thresholds(route).is_empty()
                && cert_level(route, certificate.expires_at, now).is_some()
        })
    })
}

/// Takes in that a certificate was shown.
pub(super) fn seen(
    state: &mut AnnounceState,
    certificate: &Certificate,
    view: &AnnounceView<'_>,
    now: Timestamp,
) {
    let is_due = is_due(certificate, view, now);
    let mut is_known = false;
    for topic in &mut state.topics {
        let Subject::Certificate { fingerprint, .. } = &topic.subject else {
            continue;
        };
        if *fingerprint == certificate.fingerprint {
            is_known = true;
            topic.resting = false;
            topic.event.cert_days = Some(days_left(certificate.expires_at, now));
        } else if is_due || !topic.is_told() {
            // Servers of one name may take turns with certificates that all expire soon; what
            // was told stays told until one comes that does not.
            topic.resting = true;
        } else {
            let event = renewed(&topic.event, certificate, view.state, now);
            topic.over = Some(Over { event, is_quiet: false });
        }
    }
    if !is_known && is_due {
        begin(state, certificate, view, now);
    }
}

fn begin(
    state: &mut AnnounceState,
    certificate: &Certificate,
    view: &AnnounceView<'_>,
    now: Timestamp,
) {
    let Some(entry) = view.entry else { return };
    let known = state.topics.iter().filter(|topic| topic.is_certificate());
    if known.count() >= MAX_CERTIFICATES {
        let oldest = state.topics.iter().position(|topic| topic.resting);
        match oldest {
            Some(index) => drop(state.topics.remove(index)),
            None => return,
        }
    }
    let mut event = base(entry, EventKind::CertExpiring, now);
    event.previous_state = view.state;
    event.current_state = view.state;
    event.reason = Some("CERT_EXPIRING".to_owned());
    event.message = Some(format!(
        "the certificate of {} expires at {:.0}",
        certificate.subject, certificate.expires_at
    ));
    event.cert_days = Some(days_left(certificate.expires_at, now));
    let subject = Subject::Certificate {
        fingerprint: certificate.fingerprint.clone(),
        expires_at: certificate.expires_at,
    };
    state.topics.push(Topic::new(subject, event, now));
}

fn renewed(told: &Event, certificate: &Certificate, state: MonitorState, now: Timestamp) -> Event {
    Event {
        kind: EventKind::Up,
        current_state: state,
        reason: None,
        message: Some(format!(
            "the certificate was replaced; the new one expires at {:.0}",
            certificate.expires_at
        )),
        at: now,
        started_at: Some(told.at),
        ended_at: Some(now),
        cert_days: Some(days_left(certificate.expires_at, now)),
        note: Some("the certificate was renewed".to_owned()),
        ..told.clone()
    }
}

/// Whole days until the end of validity, negative after it.
fn days_left(expires_at: Timestamp, now: Timestamp) -> i64 {
    expires_at.duration_since(now).as_secs().div_euclid(86_400)
}
