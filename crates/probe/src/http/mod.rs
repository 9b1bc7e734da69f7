//! `http`: one request, followed through redirects, and what its answer must be. `keyword` and
//! `jsonQuery` look into the body of the same answer.

mod answer;
mod auth;
mod connection;
mod cookies;
mod encoding;
mod exchange;
mod judge;
mod particulars;
mod plan;
mod proxy;
mod redirect;
mod single;
mod text;
mod upgrade;

use ::http::Method;
use kuma_core::check::HttpCheck;
use kuma_core::reason::Reason;

pub(crate) use self::answer::{Answer, beginning};
pub(crate) use self::auth::TokenCache;
pub(crate) use self::exchange::Need;
pub(crate) use self::single::Single;
pub(crate) use self::text::percent_decoded;
pub(crate) use self::upgrade::{Upgrade, upgrade};

use self::auth::Talk;
use self::exchange::Wish;
use self::plan::Plan;
use crate::attempt::{Attempt, Verdict};
use crate::fault::Fault;
use crate::trace::Stage;

/// How much of a body's beginning is shown as evidence, in bytes.
pub(crate) const SHOWN_BODY_BYTES: usize = 1024;

/// Runs the check.
pub(crate) async fn run(attempt: &mut Attempt<'_>, check: &HttpCheck) -> Verdict {
    let condition = attempt.monitor.criteria.condition.as_ref();
    let whole = condition.is_some_and(|it| BODY_VARIABLES.iter().any(|name| it.uses(name)));
    let need = if whole { Need::Whole } else { Need::Measure };
    let answer = fetch(attempt, check, need).await?;
    tell(attempt, &answer);
    Ok(answer.status_line())
}

/// Variables of conditions that need the whole body.
const BODY_VARIABLES: [&str; 3] = ["body", "bodyBytes", "json"];

/// Gives the monitor's condition, if there is one, the answer to look at.
pub(crate) fn tell(attempt: &mut Attempt<'_>, answer: &Answer) {
    attempt.give(|| answer.given());
}

/// The answer at the end of the redirects, with a body that is there as far as `need` asks, and
/// with a status and headers that are as expected.
pub(crate) async fn fetch(
    attempt: &mut Attempt<'_>,
    check: &HttpCheck,
    need: Need,
) -> Result<Answer, Fault> {
    let mut plan = Plan::first(attempt, check)?;
    let mut talk = Talk::begin(attempt, check, &mut plan).await?;
    let mut hops = 0;
    let mut visited = Vec::new();
    // Whoever examines wants the size of the body, whatever its head says.
    let examined = attempt.trace.particulars.is_some();
    loop {
        let wish = |head: &::http::response::Parts| {
            if check.follow_redirects && redirect::is_redirect(head) {
                Wish::Nothing
            } else if !examined && judge::head(&check.criteria, head).is_err() {
                Wish::Shown
            } else {
                match need {
                    Need::Measure => Wish::Measured,
                    Need::Whole if plan.method == Method::HEAD => Wish::Measured,
                    Need::Whole => Wish::Whole,
                }
            }
        };
        let exchanged = connection::exchange(attempt, check, &plan, &wish).await;
        attempt.trace.enter(Stage::Idle);
        let mut answer = exchanged.map_err(|fault| fault.with("url", plan.shown_url()))?;
        particulars::note(&mut attempt.trace, &answer.head, plan.is_https(), hops);
        let asked = plan.identity();
        plan.jar.take(&answer.head.headers, &plan.url);
        if talk.again(attempt, check, &mut plan, &answer.head).await? {
            continue;
        }
        if check.follow_redirects && redirect::is_redirect(&answer.head) {
            let status = answer.head.status;
            if hops == check.max_redirects {
                return Err(Fault::target(
                    Reason::HttpRedirects,
                    format!(
                        "more than {hops} redirect{}; the last one is {status}",
                        if hops == 1 { "" } else { "s" }
                    ),
                )
                .with_all(answer.facts(&plan)));
            }
            hops += 1;
            let from = plan.shown_url();
            visited.push(asked);
            redirect::follow(&mut plan, &answer.head)
                .map_err(|fault| fault.with_all(answer.facts(&plan)))?;
            talk.moved(&mut plan);
            if visited.contains(&plan.identity()) {
                return Err(Fault::target(
                    Reason::HttpRedirects,
                    format!("the redirects go round in a circle after {hops}"),
                )
                .with_all(answer.facts(&plan)));
            }
            attempt.trace.note(
                format!("redirect {hops}"),
                format!("{status} from {from} to {}", plan.shown_url()),
            );
            continue;
        }
        answer.redirects = hops;
        return finish(check, &plan, answer);
    }
}

/// The last answer: first its status and headers, then whether its body came whole.
fn finish(check: &HttpCheck, plan: &Plan, mut answer: Answer) -> Result<Answer, Fault> {
    let judged = judge::head(&check.criteria, &answer.head);
    let broken = answer.broken.take();
    if let Some(fault) = judged.err().or(broken) {
        return Err(fault.with_all(answer.facts(plan)));
    }
    answer.url = Some(plan.shown_url());
    Ok(answer)
}
