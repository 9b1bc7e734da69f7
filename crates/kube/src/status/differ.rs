//! Which differences between what a status says and what it should say are worth a write, and how
//! soon (`design/crds.md`, status writes). Pure.

use serde_json::{Map, Value};

/// Fields of a result that change with every check: they ride along with other changes.
const OF_A_CHECK: [&str; 6] = ["latencyMs", "checkedAt", "attempts", "message", "since", "reason"];
/// Fields of a whole status that ride along.
const LIVE: [&str; 2] = ["nextRunAt", "lastValidation"];
/// Fields whose changes can wait.
const SLOW: [&str; 11] = [
    WHY,
    "uptime",
    "cert",
    "affectedCount",
    "monitorCount",
    "nextOccurrence",
    "discovery",
    "isHealthy",
    "lastError",
    "lastTestAt",
    "publishedUrl",
];

/// Stands for the reason of what is not down: why there is no verdict yet, or no longer, is what people
/// need to know. What is down may fail for another reason with each check.
const WHY: &str = "lastResult.reason";

/// How soon a status is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// In the trickle.
    Slow,
    /// A transition.
    Soon,
}

/// How soon a status that says `before` must be written to say `after`; none when nobody would miss
/// it.
pub fn urgency(before: &Value, after: &Value) -> Option<Urgency> {
    let (before, after) = (told(before), told(after));
    let slow = |fields: &Map<String, Value>, name: &str| {
        SLOW.contains(&name).then(|| fields.get(name).cloned()).flatten()
    };
    let names = || before.keys().chain(after.keys());
    if names().any(|name| !SLOW.contains(&&**name) && before.get(name) != after.get(name)) {
        return Some(Urgency::Soon);
    }
    names().any(|name| slow(&before, name) != slow(&after, name)).then_some(Urgency::Slow)
}

/// Whether a first status would only say that all is well with the object and nothing was found out
/// yet. What is wrong with an object is told at once.
pub fn awaits_result(before: &Value, after: &Value) -> bool {
    let says_nothing = before.as_object().is_none_or(Map::is_empty);
    let result = after.get("lastResult");
    let pending = result.is_some_and(|result| {
        result.get("state").is_some_and(|state| state == "pending")
            && result.get("checkedAt").is_none()
    });
    let conditions = after.get("conditions").and_then(Value::as_array);
    let well = |condition: &Value| condition["type"] == "Ready" || condition["status"] == "True";
    says_nothing && pending && conditions.into_iter().flatten().all(well)
}

/// What of a status is told at all: nothing that changes with every check, uptime in its first
/// decimal.
fn told(status: &Value) -> Map<String, Value> {
    let mut fields = status.as_object().cloned().unwrap_or_default();
    fields.retain(|name, value| !LIVE.contains(&&**name) && !value.is_null());
    if let Some(result) = fields.get_mut("lastResult").and_then(Value::as_object_mut) {
        let state = result.get("state").and_then(Value::as_str).unwrap_or_default();
        let why = result.get("reason").cloned();
        let why = why.filter(|_| !["down", "flapping"].contains(&state));
        result.retain(|name, _| !OF_A_CHECK.contains(&&**name));
        fields.extend(why.map(|why| (WHY.to_owned(), why)));
    }
    if let Some(shares) = fields.get_mut("uptime").and_then(Value::as_object_mut) {
        for share in shares.values_mut() {
            let tenths = share.as_f64().map(|share| (share * 10.0).floor());
            *share = tenths.map_or(Value::Null, Value::from);
        }
    }
    for condition in entries(&mut fields, "conditions") {
        condition.remove("lastTransitionTime");
    }
    for item in entries(&mut fields, "itemStatuses") {
        // The reason of the last check, where the item runs; what is wrong with it, where not.
        if item.get("ready") == Some(&Value::Bool(true)) {
            item.remove("message");
        }
    }
    fields
}

fn entries<'a>(
    fields: &'a mut Map<String, Value>,
    list: &str,
) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    let list = fields.get_mut(list).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn monitor(state: &str, reason: &str, uptime: f64) -> Value {
        json!({
            "lastResult": {"state": state, "reason": reason, "latencyMs": 3, "checkedAt": "now"},
            "uptime": {"last24h": uptime},
            "observedGeneration": 1,
            "conditions": [{"type": "Valid", "status": "True", "lastTransitionTime": "then"}],
        })
    }

    #[test]
    fn a_check_alone_and_another_reason_of_the_same_state_are_worth_no_write() {
        let before = monitor("down", "TIMEOUT", 99.91);
        let mut after = monitor("down", "CONNECTION_REFUSED", 99.94);
        after["lastResult"]["latencyMs"] = json!(80);
        after["nextRunAt"] = json!("soon");
        assert_eq!(urgency(&before, &after), None);
    }

    #[test]
    fn without_a_verdict_the_reason_is_told_in_the_trickle() {
        let waiting = |reason: &str| monitor("pending", reason, 1.0);
        let worth = urgency(&waiting("SECRET_MISSING"), &waiting("KUBERNETES_FORBIDDEN"));
        assert_eq!(worth, Some(Urgency::Slow));
        assert_eq!(
            urgency(&waiting("TIMEOUT"), &monitor("down", "TIMEOUT", 1.0)),
            Some(Urgency::Soon)
        );
    }

    #[test]
    fn a_transition_is_soon_and_the_first_decimal_of_uptime_is_not() {
        let before = monitor("up", "", 99.91);
        assert_eq!(urgency(&before, &monitor("down", "", 99.91)), Some(Urgency::Soon));
        assert_eq!(urgency(&before, &monitor("up", "", 99.89)), Some(Urgency::Slow));
        assert_eq!(urgency(&before, &monitor("down", "", 12.0)), Some(Urgency::Soon));
    }

    #[test]
    fn another_generation_and_another_condition_are_soon_but_not_its_time() {
        let before = monitor("up", "", 100.0);
        let mut after = before.clone();
        after["conditions"][0]["lastTransitionTime"] = json!("now");
        assert_eq!(urgency(&before, &after), None);
        after["conditions"][0]["status"] = json!("False");
        assert_eq!(urgency(&before, &after), Some(Urgency::Soon));
        let mut after = before.clone();
        after["observedGeneration"] = json!(2);
        assert_eq!(urgency(&before, &after), Some(Urgency::Soon));
    }

    #[test]
    fn only_a_first_status_of_a_good_object_without_a_result_can_wait() {
        let status = |state: &str, valid: &str| {
            json!({
                "lastResult": {"state": state},
                "conditions": [
                    {"type": "Valid", "status": valid}, {"type": "Ready", "status": "Unknown"},
                ],
            })
        };
        let new = status("pending", "True");
        assert!(awaits_result(&Value::Null, &new) && awaits_result(&json!({}), &new));
        assert!(!awaits_result(&json!({"observedGeneration": 1}), &new));
        assert!(!awaits_result(&Value::Null, &status("pending", "False")));
        assert!(!awaits_result(&Value::Null, &status("paused", "True")));
        assert!(!awaits_result(&Value::Null, &json!({"conditions": []})));
        let mut checked = new;
        checked["lastResult"]["checkedAt"] = json!("2026-01-01T00:00:00Z");
        assert!(!awaits_result(&Value::Null, &checked));
    }

    #[test]
    fn the_reason_of_an_item_rides_along_but_not_what_is_wrong_with_it() {
        let set = |ready: bool, message: &str| json!({"itemStatuses": [{"name": "web", "ready": ready, "message": message}]});
        assert_eq!(urgency(&set(true, "TIMEOUT"), &set(true, "DNS_NXDOMAIN")), None);
        let worth = urgency(&set(false, "spec.a: wrong"), &set(false, "spec.b: wrong"));
        assert_eq!(worth, Some(Urgency::Soon));
    }

    #[test]
    fn a_status_that_is_not_there_yet_is_soon_and_one_that_says_nothing_is_none() {
        assert_eq!(urgency(&Value::Null, &monitor("up", "", 1.0)), Some(Urgency::Soon));
        assert_eq!(urgency(&Value::Null, &json!({})), None);
        assert_eq!(urgency(&json!({"cert": {}}), &json!({})), Some(Urgency::Slow));
    }
}
