//! Whether names fail because of the names or because of our own resolver (`engine.md`), where the
//! control question did not settle it (`control.rs`): the resolver is to blame only while no other
//! name resolved through it in the last 30 s and at least three different names failed. Pure; time
//! is passed in.

use std::collections::VecDeque;
use std::time::Duration;

use kuma_core::time::Mono;

/// Another name that resolved this recently proves that the resolver works.
const PROOF_LASTS: Duration = Duration::from_secs(30);
/// So many different names must have failed before the resolver is blamed.
const NAMES_NEEDED: usize = 3;
/// A failure counts until its name resolves again or this long, so that monitors with an interval
/// of minutes count too.
const FAILURE_COUNTS: Duration = Duration::from_mins(5);
/// Failing names remembered; more than are needed would change nothing.
const MAX_FAILING: usize = 64;

/// What was seen of one resolver.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// The name that resolved last.
    latest: Option<(String, Mono)>,
    /// The last one before it with another name.
    before: Option<(String, Mono)>,
    /// Names whose last look-up failed, the oldest failure first, each once.
    failing: VecDeque<(String, Mono)>,
}

impl Health {
    /// A name resolved to at least one address.
    pub(crate) fn resolved(&mut self, name: &str, now: Mono) {
        self.failing.retain(|(failed, _)| failed != name);
        match &mut self.latest {
            Some((latest, at)) if latest == name => *at = now,
            _ => self.before = self.latest.replace((name.to_owned(), now)),
        }
    }

    /// A name failed with SERVFAIL or without an answer. Returns whether the resolver is to blame.
    pub(crate) fn failed(&mut self, name: &str, now: Mono) -> bool {
        self.failing.retain(|(failed, at)| failed != name && now.since(*at) < FAILURE_COUNTS);
        if self.failing.len() == MAX_FAILING {
            self.failing.pop_front();
        }
        self.failing.push_back((name.to_owned(), now));
        self.failing.len() >= NAMES_NEEDED && !self.proven_by_other(name, now)
    }

    fn proven_by_other(&self, name: &str, now: Mono) -> bool {
        [&self.latest, &self.before]
            .into_iter()
            .flatten()
            .any(|(good, at)| good != name && now.since(*at) < PROOF_LASTS)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono(seconds * 1_000_000_000)
    }

    #[test]
    fn three_names_are_needed() {
        let mut health = Health::default();
        assert!(!health.failed("a", at(1)));
        assert!(!health.failed("b", at(2)));
        assert!(!health.failed("a", at(3)), "the same name does not count twice");
        assert!(health.failed("c", at(4)));
        assert!(health.failed("a", at(5)));
    }

    #[test]
    fn another_name_that_resolved_clears_the_resolver_for_half_a_minute() {
        let mut health = Health::default();
        health.resolved("good", at(10));
        for (name, second) in [("a", 11), ("b", 12), ("c", 39)] {
            assert!(!health.failed(name, at(second)));
        }
        assert!(health.failed("c", at(40)));
    }

    #[test]
    fn a_name_is_no_proof_for_itself() {
        let mut health = Health::default();
        health.resolved("a", at(10));
        health.failed("b", at(11));
        health.failed("c", at(11));
        assert!(health.failed("a", at(12)));
        assert!(!health.failed("b", at(12)), "but it is one for the others");
    }

    #[test]
    fn the_same_name_resolving_often_does_not_hide_the_one_before_it() {
        let mut health = Health::default();
        health.resolved("other", at(1));
        health.resolved("a", at(2));
        health.resolved("a", at(3));
        health.failed("b", at(4));
        health.failed("c", at(4));
        assert!(!health.failed("a", at(5)));
    }

    #[test]
    fn a_name_that_resolves_again_no_longer_counts() {
        let mut health = Health::default();
        health.failed("a", at(1));
        health.failed("b", at(2));
        health.resolved("a", at(3));
        assert!(!health.failed("c", at(60)), "only b and c fail");
    }

    #[test]
    fn old_failures_no_longer_count() {
        let mut health = Health::default();
        health.failed("a", at(0));
        health.failed("b", at(0));
        assert!(!health.failed("c", at(300)));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Resolved(u8),
        Failed(u8),
        Wait(u16),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0u8..6).prop_map(Step::Resolved),
            (0u8..6).prop_map(Step::Failed),
            (0u16..120).prop_map(Step::Wait),
        ];
        prop::collection::vec(step, 0..80)
    }

    proptest! {
        /// The rule, written down a second time over the whole history.
        #[test]
        fn agrees_with_the_rule_over_the_whole_history(steps in steps()) {
            let mut health = Health::default();
            let mut history: Vec<(u8, bool, u64)> = Vec::new();
            let mut second = 1000;
            for step in steps {
                match step {
                    Step::Wait(by) => second += u64::from(by),
                    Step::Resolved(name) => {
                        health.resolved(&name.to_string(), at(second));
                        history.push((name, true, second));
                    }
                    Step::Failed(name) => {
                        history.push((name, false, second));
                        let proven = history.iter().any(|(other, good, when)| {
                            *good && *other != name && second - when < 30
                        });
                        let failing = (0u8..6)
                            .filter(|name| {
                                history.iter().rev().find(|(other, ..)| other == name).is_some_and(
                                    |(_, good, when)| !good && second - when < 300,
                                )
                            })
                            .count();
                        prop_assert_eq!(
                            health.failed(&name.to_string(), at(second)),
                            failing >= 3 && !proven
                        );
                    }
                }
            }
        }

        #[test]
        fn memory_is_bounded(names in prop::collection::vec(any::<u16>(), 0..400)) {
            let mut health = Health::default();
            for name in names {
                health.failed(&name.to_string(), at(1));
            }
            prop_assert!(health.failing.len() <= MAX_FAILING);
        }
    }
}
