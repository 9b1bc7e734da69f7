//! The control question: whether servers that failed a name live at all. Names that resolved a
//! moment ago cannot say that, for the servers may have died since. Asked only after a failure,
//! and once for all look-ups that fail at about the same time.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use futures_util::stream::FuturesUnordered;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RecordType};
use tokio::time::Instant;

use crate::dns::exchange::{self, Answer, ExchangeError, Question, Transport};

/// The most time that the control question gets, and that is kept free for it.
const MOST: Duration = Duration::from_secs(1);
/// With less time than this it is not asked: a living server might not make it either.
const LEAST: Duration = Duration::from_millis(10);
/// How long what the control question came to is good for look-ups that fail later.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// How long before a look-up the servers may have failed the control question for its failure to be
/// theirs, though they answer by now: its question was lost with theirs.
const AFTERMATH: Duration = Duration::from_secs(5);

/// How the servers failed a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No answer at all.
    Silence,
    /// SERVFAIL, or another error that is not about the name.
    ServFail,
}

/// What the control question came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// A server answered: it lives.
    Answered,
    /// Servers answered, but all with SERVFAIL or with what cannot be read.
    Failing,
    /// No server answered.
    Silent,
    /// A server answers again, and none did when the look-up began or shortly before.
    CameBack,
    /// There was no time left to ask.
    Unasked {
        /// Whether a server answered anything since the look-up that failed began.
        heard: bool,
    },
}

/// Whose fault it is that a name failed: a clause that says why it is the resolver's, `None` when
/// it is the name's. `no_name_resolves` is what [`super::health`] says.
pub(crate) const fn blame(
    trouble: Trouble,
    control: Control,
    no_name_resolves: bool,
) -> Option<&'static str> {
    match (trouble, control) {
        (_, Control::Failing) => Some("a control question fails too"),
        (_, Control::CameBack) => Some("a control question failed a moment ago"),
        (Trouble::Silence, Control::Silent) => {
            Some("no DNS server answers a control question either")
        }
        (Trouble::Silence, Control::Unasked { heard: false }) => {
            Some("no DNS server answered anything meanwhile")
        }
        _ if no_name_resolves => Some("no other name resolves either"),
        _ => None,
    }
}

/// The part of `budget` that a look-up leaves for the control question: a quarter, at most 1 s.
pub(crate) fn reserve(budget: Duration) -> Duration {
    (budget / 4).min(MOST)
}

/// The time for the control question when `left` is left; `None` when it is too little.
pub(crate) fn time_for(left: Duration) -> Option<Duration> {
    (left >= LEAST).then(|| left.min(MOST))
}

/// A control question under way.
pub(crate) type Running = Shared<BoxFuture<'static, Control>>;

/// The last control question.
#[derive(Default)]
pub(crate) struct Last {
    running: Option<WeakShared<BoxFuture<'static, Control>>>,
    ended: Option<(Control, Instant)>,
    /// When one was last not answered.
    failed_at: Option<Instant>,
}

impl Last {
    /// What is known for a look-up that began at `began` and has failed. An answer from before it
    /// says nothing, since the servers may have died in between.
    pub(crate) fn known(&self, began: Instant, now: Instant) -> Option<Control> {
        let (control, at) = self.ended?;
        let fresh = now.saturating_duration_since(at) < GOOD_FOR;
        (fresh && (control != Control::Answered || at >= began)).then_some(control)
    }

    /// What an answer is worth to a look-up that began at `began`.
    pub(crate) fn in_context(&self, control: Control, began: Instant) -> Control {
        let answered = matches!(control, Control::Answered | Control::Unasked { heard: true });
        let was_down = self.failed_at.is_some_and(|at| at + AFTERMATH >= began);
        if answered && was_down { Control::CameBack } else { control }
    }

    /// The one under way, if somebody waits for it.
    pub(crate) fn running(&self) -> Option<Running> {
        self.running.as_ref().and_then(WeakShared::upgrade)
    }

    /// One begins.
    pub(crate) fn begin(&mut self, running: &Running) {
        self.running = running.downgrade();
    }

    /// It ended at `now`.
    pub(crate) fn end(&mut self, control: Control, now: Instant) {
        self.running = None;
        self.ended = Some((control, now));
        if matches!(control, Control::Failing | Control::Silent) {
            self.failed_at = Some(now);
        }
    }
}

/// Asks all servers at once for the name servers of the root, which every resolver has at hand.
/// Never [`Control::Unasked`] or [`Control::CameBack`].
pub(crate) async fn ask(servers: &[SocketAddr], time: Duration) -> Control {
    let question = Question { name: Name::root(), record_type: RecordType::NS };
    let mut asked: FuturesUnordered<_> = servers
        .iter()
        .map(|server| exchange::ask(*server, &question, Transport::Udp, time))
        .collect();
    let mut control = Control::Silent;
    while let Some(answer) = asked.next().await {
        match read(&answer) {
            Control::Answered => return Control::Answered,
            Control::Failing => control = Control::Failing,
            Control::Silent | Control::CameBack | Control::Unasked { .. } => {}
        }
    }
    control
}

/// What the answer of one server says.
fn read(asked: &Result<Answer, ExchangeError>) -> Control {
    match asked {
        Ok(answer) if answer.message.metadata.response_code == ResponseCode::ServFail => {
            Control::Failing
        }
        Ok(_) => Control::Answered,
        Err(ExchangeError::Malformed { .. }) => Control::Failing,
        Err(_) => Control::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_rule() {
        use Control::{Answered, CameBack, Failing, Silent, Unasked};
        use Trouble::{ServFail, Silence};
        let (heard, unheard) = (Unasked { heard: true }, Unasked { heard: false });
        for (trouble, control, ours) in [
            (Silence, Answered, false),
            (Silence, Failing, true),
            (Silence, Silent, true),
            (Silence, CameBack, true),
            (ServFail, CameBack, true),
            (Silence, heard, false),
            (Silence, unheard, true),
            (ServFail, Answered, false),
            (ServFail, Failing, true),
            (ServFail, Silent, false),
            (ServFail, heard, false),
            (ServFail, unheard, false),
        ] {
            assert_eq!(blame(trouble, control, false).is_some(), ours, "{trouble:?} {control:?}");
            assert!(blame(trouble, control, true).is_some(), "no name resolves");
        }
    }

    #[test]
    fn an_answer_is_worth_nothing_to_what_began_while_there_was_none() {
        let zero = Instant::now();
        let at = |ms| zero + Duration::from_millis(ms);
        let mut last = Last::default();
        let heard = Control::Unasked { heard: true };
        assert_eq!(last.in_context(Control::Answered, at(0)), Control::Answered);
        last.end(Control::Silent, at(1_000));
        last.end(Control::Answered, at(3_000));
        assert_eq!(last.in_context(Control::Answered, at(500)), Control::CameBack);
        assert_eq!(last.in_context(heard, at(6_000)), Control::CameBack);
        assert_eq!(last.in_context(Control::Answered, at(6_001)), Control::Answered);
        assert_eq!(last.in_context(Control::Silent, at(2_000)), Control::Silent);
    }

    #[test]
    fn a_quarter_but_at_most_a_second_is_kept_free() {
        let ms = Duration::from_millis;
        assert_eq!(reserve(ms(400)), ms(100));
        assert_eq!(reserve(ms(5_000)), ms(1_000));
        assert_eq!(reserve(ms(60_000)), ms(1_000));
        assert_eq!(time_for(ms(9)), None);
        assert_eq!(time_for(ms(10)), Some(ms(10)));
        assert_eq!(time_for(ms(4_000)), Some(ms(1_000)));
    }

    #[test]
    fn what_is_known_is_good_for_a_second_and_an_answer_only_for_what_began_before_it() {
        let zero = Instant::now();
        let at = |ms| zero + Duration::from_millis(ms);
        let mut last = Last::default();
        assert_eq!(last.known(at(0), at(0)), None);
        last.end(Control::Answered, at(500));
        assert_eq!(last.known(at(400), at(600)), Some(Control::Answered));
        assert_eq!(last.known(at(501), at(600)), None, "they may have died since");
        assert_eq!(last.known(at(400), at(1_500)), None);
        last.end(Control::Silent, at(500));
        assert_eq!(last.known(at(501), at(600)), Some(Control::Silent));
        assert_eq!(last.known(at(400), at(1_500)), None);
    }
}
