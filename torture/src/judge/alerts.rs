//! What a receiver that keeps alerts was told of each: to tell it again what it knows is no repeat,
//! because it forgets; what counts is each change of an alert from firing to resolved.

use std::collections::BTreeMap;

use super::{Kind, Violation, report};
use crate::evidence::{Evidence, Message};

pub(super) fn judge(evidence: &Evidence, found: &mut Vec<Violation>) {
    let mut taken: Vec<&Message> = evidence.messages.iter().filter(|it| it.taken).collect();
    taken.sort_by_key(|message| message.at);
    // Whether it fires, as the receiver was told last.
    let mut known: BTreeMap<(&str, &str, i64), bool> = BTreeMap::new();
    for message in taken {
        for alert in &message.alerts {
            let which = (message.provider.as_str(), alert.labels.as_str(), alert.starts);
            let before = known.insert(which, alert.fires);
            if before == Some(alert.fires) {
                continue;
            }
            if before == Some(false) {
                report(found, Kind::FiresAgain, format!("{alert:?} in {message:?}"));
            } else if message.renews {
                let text = format!("no message told of {alert:?} before {message:?}");
                report(found, Kind::UnknownMessage, text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{found, message};
    use super::*;
    use crate::evidence::Alert;

    fn alert(fires: bool) -> Alert {
        Alert { labels: "{\"monitor\":\"web\"}".into(), starts: 100_700, fires }
    }

    /// The messages of `hook` carry an alert; these rounds come as well, at their times.
    fn with(rounds: &[(i64, bool)]) -> Vec<Kind> {
        found(|evidence| {
            for told in evidence.messages.iter_mut().filter(|it| it.provider == "hook") {
                told.alerts = vec![alert(told.key == "down-hook")];
            }
            evidence.messages.extend(rounds.iter().map(|(at, fires)| Message {
                key: "renewal".into(),
                renews: true,
                alerts: vec![alert(*fires)],
                ..message("hook", "", *at)
            }));
        })
    }

    #[test]
    fn what_stands_may_be_told_again_as_often_as_one_likes() {
        let rounds = [(103_000, true), (104_000, true), (123_000, false), (124_000, false)];
        assert_eq!(with(&rounds), []);
    }

    #[test]
    fn what_is_over_does_not_fire_again() {
        assert_eq!(with(&[(123_000, true)]), [Kind::FiresAgain]);
    }

    #[test]
    fn a_round_tells_nothing_new() {
        assert_eq!(with(&[(101_000, true)]), [Kind::UnknownMessage]);
        assert_eq!(with(&[(121_000, false)]), [Kind::UnknownMessage]);
    }

    #[test]
    fn another_beginning_or_other_labels_are_another_alert() {
        assert_eq!(
            found(|evidence| {
                for told in evidence.messages.iter_mut().filter(|it| it.provider == "hook") {
                    told.alerts = vec![alert(told.key == "down-hook")];
                    // Told before the first is over, and after it.
                    told.alerts.push(Alert { starts: 90_000, ..alert(told.key != "down-hook") });
                }
            }),
            [Kind::FiresAgain]
        );
        assert_eq!(
            found(|evidence| {
                for told in evidence.messages.iter_mut().filter(|it| it.provider == "hook") {
                    let starts = told.at;
                    told.alerts = vec![Alert { starts, ..alert(told.key != "down-hook") }];
                }
            }),
            []
        );
    }
}
