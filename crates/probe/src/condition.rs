//! `successCriteria.cel`: whether the condition holds for what an attempt saw.

use std::collections::BTreeMap;
use std::time::Duration;

use kuma_core::reason::Reason;
use kuma_expr::{Condition, ExprError, Value};

use crate::attempt::{Attempt, Verdict};
use crate::fault::Fault;
use crate::json;

/// Bodies larger than this are looked at off the asynchronous threads, in bytes.
const LARGE_BODY_BYTES: usize = 16 * 1024;

/// What a check gives the condition to look at.
#[derive(Default)]
pub(crate) struct Given {
    /// Variables of the check type.
    pub(crate) values: BTreeMap<&'static str, Value>,
    /// The body, for `body` and `json`.
    pub(crate) body: Vec<u8>,
    /// What a person is shown when the condition does not hold.
    pub(crate) facts: Vec<(String, String)>,
}

impl Given {
    /// Variables, and what a person is shown beside them.
    pub(crate) fn of<const N: usize>(
        values: [(&'static str, Value); N],
        facts: Vec<(String, String)>,
    ) -> Self {
        Self { values: values.into(), body: Vec::new(), facts }
    }
}

/// Judges a success by the monitor's condition. What it takes is no part of the latency.
pub(crate) async fn judge(attempt: &mut Attempt<'_>, said: String) -> Verdict {
    let Some(condition) = &attempt.monitor.criteria.condition else {
        return Ok(said);
    };
    let latency = *attempt.latency.get_or_insert_with(|| attempt.trace.measured());
    let mut given = std::mem::take(&mut attempt.given);
    given.values.extend(common(attempt, latency));
    let facts = std::mem::take(&mut given.facts);
    let judged = if given.body.len() <= LARGE_BODY_BYTES {
        holds(condition, given)
    } else {
        let condition = condition.clone();
        tokio::task::spawn_blocking(move || holds(&condition, given)).await.unwrap_or_else(|_| {
            Err(Fault::ours(Reason::Internal, "the condition failed inside this program"))
        })
    };
    judged.map_err(|fault| fault.with_all(facts))?;
    Ok(format!("{said}, condition holds"))
}

/// Whether the condition holds; the body is read as it asks.
fn holds(condition: &Condition, given: Given) -> Result<(), Fault> {
    let Given { mut values, body, .. } = given;
    if condition.uses("json") {
        values.insert("json", json::parse(&body)?.into());
    }
    if condition.uses("body") {
        values.insert("body", String::from_utf8_lossy(&body).into_owned().into());
    }
    let source = condition.as_str();
    match condition.holds(&values) {
        Ok(true) => Ok(()),
        Ok(false) => Err(fault(format!("the condition `{source}` is not true"))),
        Err(ExprError::TooLarge(why)) => Err(fault(format!("the condition `{source}`: {why}"))),
        Err(error) => Err(fault(format!("the condition `{source}` has no answer: {error}"))),
    }
}

fn fault(message: String) -> Fault {
    Fault::target(Reason::Condition, message)
}

/// The variables of every check type.
fn common(attempt: &Attempt<'_>, latency: Duration) -> [(&'static str, Value); 8] {
    let phases = attempt.trace.phases;
    let phase = |micros: Option<u32>| Value::Double(f64::from(micros.unwrap_or(0)) / 1000.0);
    let days = attempt.trace.certificate.as_ref().map(|certificate| {
        let left = certificate.expires_at.duration_since(attempt.shared.clock.now().wall);
        Value::Int(left.as_secs().div_euclid(86_400))
    });
    let peer = attempt.trace.peer.map(|peer| peer.to_string()).unwrap_or_default();
    [
        ("latencyMs", Value::Double(latency.as_secs_f64() * 1000.0)),
        ("resolveMs", phase(phases.resolve)),
        ("connectMs", phase(phases.connect)),
        ("tlsMs", phase(phases.tls)),
        ("firstByteMs", phase(phases.first_byte)),
        ("transferMs", phase(phases.transfer)),
        ("peer", peer.into()),
        ("certDays", days.unwrap_or(Value::Null)),
    ]
}
