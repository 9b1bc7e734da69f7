//! What became of each request: loss and round-trip times. Pure; time is passed in.

use std::fmt;
use std::time::Duration;

use kuma_core::time::Mono;

use crate::words;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    Sent(Mono),
    Answered(Duration),
    Unreachable(u8),
}

/// The requests of one attempt, numbered from zero.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    requests: Vec<Request>,
    /// Time to live of the last reply, where it can be seen.
    pub(crate) hop_limit: Option<u8>,
}

/// Round-trip times of the answered requests; `mdev` as other ping programs compute it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Times {
    pub(crate) min: Duration,
    pub(crate) mean: Duration,
    pub(crate) max: Duration,
    pub(crate) mdev: Duration,
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        write!(
            f,
            "{:.3}/{:.3}/{:.3}/{:.3} ms",
            ms(self.min),
            ms(self.mean),
            ms(self.max),
            ms(self.mdev)
        )
    }
}

impl Tally {
    /// The next request is sent now; says its number.
    pub(crate) fn send(&mut self, now: Mono) -> usize {
        self.requests.push(Request::Sent(now));
        self.requests.len() - 1
    }

    /// A reply came. A second one to the same request changes nothing.
    pub(crate) fn answer(&mut self, number: usize, now: Mono) {
        if let Some(request) = self.requests.get_mut(number)
            && let Request::Sent(at) = *request
        {
            *request = Request::Answered(now.since(at));
        }
    }

    /// Word came that the request did not get there.
    pub(crate) fn unreachable(&mut self, number: usize, code: u8) {
        if let Some(request @ Request::Sent(_)) = self.requests.get_mut(number) {
            *request = Request::Unreachable(code);
        }
    }

    pub(crate) fn sent(&self) -> usize {
        self.requests.len()
    }

    pub(crate) fn answered(&self) -> usize {
        self.rtts().count()
    }

    /// Whether the fate of a request is still open.
    pub(crate) fn is_waiting(&self) -> bool {
        self.requests.iter().any(|request| matches!(request, Request::Sent(_)))
    }

    /// The code of the last report that a request did not get there.
    pub(crate) fn unreachable_code(&self) -> Option<u8> {
        self.requests.iter().rev().find_map(|request| match request {
            Request::Unreachable(code) => Some(*code),
            _ => None,
        })
    }

    /// Whether no more was lost, of `count` requests, than is accepted. Requests that were never
    /// sent count as lost.
    pub(crate) fn is_good(&self, count: usize, max_loss_percent: u32) -> bool {
        let lost = count.saturating_sub(self.answered()) as u64;
        lost * 100 <= count as u64 * u64::from(max_loss_percent)
    }

    /// Share of `count` requests that were not answered, in per cent.
    pub(crate) fn loss_percent(&self, count: usize) -> f64 {
        let lost = count.saturating_sub(self.answered());
        lost as f64 * 100.0 / count.max(1) as f64
    }

    /// `2 of 3 answered (33 % lost)`.
    pub(crate) fn summary(&self, count: usize) -> String {
        let answered = self.answered();
        let lost = count.saturating_sub(answered) * 100 / count.max(1);
        format!("{answered} of {count} answered ({lost} % lost)")
    }

    /// None when nothing was answered.
    pub(crate) fn times(&self) -> Option<Times> {
        let count = self.answered();
        let (min, max) = (self.rtts().min()?, self.rtts().max()?);
        let seconds = || self.rtts().map(|rtt| rtt.as_secs_f64());
        let mean = seconds().sum::<f64>() / count as f64;
        let square = seconds().map(|rtt| rtt * rtt).sum::<f64>() / count as f64;
        let mdev = (square - mean * mean).max(0.0).sqrt();
        Some(Times {
            min,
            mean: Duration::from_secs_f64(mean),
            max,
            mdev: Duration::from_secs_f64(mdev),
        })
    }

    /// The fate of each request, for a person.
    pub(crate) fn list(&self) -> String {
        let fates: Vec<String> = self
            .requests
            .iter()
            .map(|request| match request {
                Request::Sent(_) => "no reply".to_owned(),
                Request::Answered(rtt) => words::duration(*rtt),
                Request::Unreachable(code) => format!("unreachable, code {code}"),
            })
            .collect();
        fates.join(", ")
    }

    fn rtts(&self) -> impl Iterator<Item = Duration> {
        self.requests.iter().filter_map(|request| match request {
            Request::Answered(rtt) => Some(*rtt),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: u64) -> Mono {
        Mono(ms * 1_000_000)
    }

    fn tally(rtts: &[Option<u64>]) -> Tally {
        let mut tally = Tally::default();
        for rtt in rtts {
            let number = tally.send(ms(1_000));
            if let Some(rtt) = rtt {
                tally.answer(number, ms(1_000 + rtt));
            }
        }
        tally
    }

    #[test]
    fn times_are_those_of_answered_requests() {
        let tally = tally(&[Some(10), None, Some(20), Some(30)]);
        insta::assert_snapshot!(tally.times().unwrap(), @"10.000/20.000/30.000/8.165 ms");
        insta::assert_snapshot!(tally.summary(4), @"3 of 4 answered (25 % lost)");
        insta::assert_snapshot!(tally.list(), @"10 ms, no reply, 20 ms, 30 ms");
        assert!((tally.loss_percent(4) - 25.0).abs() < 1e-9);
        assert!((tally.loss_percent(5) - 40.0).abs() < 1e-9, "one was not even sent");
        assert!(tally.is_waiting());
        assert_eq!(self::tally(&[None]).times(), None);
    }

    #[test]
    fn loss_is_compared_with_what_is_accepted() {
        let half = tally(&[Some(1), None]);
        assert!(!half.is_good(2, 49));
        assert!(half.is_good(2, 50));
        assert!(!tally(&[None]).is_good(1, 0));
        assert!(tally(&[None]).is_good(1, 100));
        assert!(!tally(&[Some(1)]).is_good(3, 60), "two were not even sent");
        let third = tally(&[Some(1), Some(1), None]);
        assert!(!third.is_good(3, 33), "a third is more than 33 per cent");
        assert!(third.is_good(3, 34));
    }

    #[test]
    fn only_the_first_word_about_a_request_counts() {
        let mut tally = tally(&[Some(5), None]);
        tally.answer(0, ms(9_000));
        tally.unreachable(0, 1);
        assert_eq!(tally.times().unwrap().max, Duration::from_millis(5));
        tally.unreachable(1, 1);
        tally.answer(1, ms(9_000));
        assert_eq!((tally.answered(), tally.unreachable_code()), (1, Some(1)));
        tally.answer(99, ms(1));
        assert!(!tally.is_waiting());
    }

    proptest! {
        #[test]
        fn times_are_in_order(rtts in prop::collection::vec(prop::option::of(0u64..100_000), 0..100)) {
            let tally = tally(&rtts);
            prop_assert_eq!(tally.answered(), rtts.iter().flatten().count());
            if let Some(times) = tally.times() {
                let slack = Duration::from_nanos(10);
                prop_assert!(times.min <= times.mean + slack && times.mean <= times.max + slack);
                prop_assert!(times.mdev <= times.max);
            }
        }
    }
}
