//! Conditions, read one by one: what our criteria say themselves, and CEL for the rest. Pure.

use crate::{cel, go};

/// Comparison operators in the order in which Gatus looks for them.
const OPERATORS: [&str; 6] = ["==", "!=", "<=", ">=", ">", "<"];

/// What the conditions of an endpoint come to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Criteria {
    /// Accepted status codes.
    pub(super) status: Vec<String>,
    /// Milliseconds.
    pub(super) max_latency: Option<i64>,
    /// Regular expressions that the body must match, or must not (`true`).
    pub(super) body: Vec<(String, bool)>,
    /// The body as it must be, word for word.
    pub(super) exact: Option<String>,
    /// JSONPath, operator, value.
    pub(super) json: Option<(String, String, String)>,
    /// Further conditions in CEL.
    pub(super) cel: Vec<String>,
    /// Answer code of DNS.
    pub(super) rcode: Option<String>,
    /// What cannot be said.
    pub(super) lost: Vec<String>,
}

/// Reads conditions; `http` says whether there is a status and a body to look at in CEL.
pub(super) fn read<'a>(conditions: impl Iterator<Item = &'a str>, http: bool) -> Criteria {
    let mut criteria = Criteria::default();
    let (mut low, mut high) = (100, 599);
    let mut bounded = false;
    for condition in conditions {
        let split = OPERATORS.iter().find_map(|operator| {
            let (left, right) = condition.split_once(&format!(" {operator} "))?;
            Some((left.trim(), *operator, right.trim()))
        });
        let Some((left, operator, right)) = split.map(turned) else {
            criteria.lost.push(condition.to_owned());
            continue;
        };
        let understood = match left {
            "[STATUS]" => match (operator, right.parse::<u16>()) {
                ("<" | "<=" | ">" | ">=", Ok(code)) => {
                    bounded = true;
                    match operator {
                        "<" => high = high.min(code.saturating_sub(1)),
                        "<=" => high = high.min(code),
                        ">" => low = low.max(code.saturating_add(1)),
                        _ => low = low.max(code),
                    }
                    true
                }
                _ => criteria.status(operator, right),
            },
            "[RESPONSE_TIME]" => criteria.response_time(operator, right),
            "[CONNECTED]" => (operator, right) == ("==", "true"),
            "[CERTIFICATE_EXPIRATION]" => criteria.certificate(operator, right),
            "[DNS_RCODE]" if operator == "==" => {
                criteria.rcode = Some(right.to_owned());
                true
            }
            "[IP]" => criteria.address(operator, right),
            "[BODY]" => criteria.body(operator, right),
            other => http && criteria.json(other, operator, right),
        };
        if !understood {
            criteria.lost.push(condition.to_owned());
        }
    }
    if bounded && low <= high {
        criteria.status.push(format!("{low}-{high}"));
    }
    criteria
}

/// The placeholder on the left.
fn turned<'a>((left, operator, right): (&'a str, &'a str, &'a str)) -> (&'a str, &'a str, &'a str) {
    if left.starts_with('[') || left.starts_with("len(") || left.starts_with("has(") {
        return (left, operator, right);
    }
    let operator = match operator {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        same => same,
    };
    (right, operator, left)
}

/// What stands in `name(…)`.
fn argument<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')
}

impl Criteria {
    fn status(&mut self, operator: &str, right: &str) -> bool {
        let codes: Vec<&str> = match argument(right, "any") {
            Some(list) => list.split(',').map(str::trim).collect(),
            None => vec![right],
        };
        if codes.iter().any(|code| code.parse::<u16>().is_err()) {
            return false;
        }
        match operator {
            "==" => self.status.extend(codes.into_iter().map(str::to_owned)),
            "!=" => self.cel.extend(codes.into_iter().map(|code| format!("status != {code}"))),
            _ => return false,
        }
        true
    }

    fn response_time(&mut self, operator: &str, right: &str) -> bool {
        let ms = right.parse::<f64>().ok().or_else(|| go::seconds(right).map(|it| it * 1e3));
        let Some(ms) = ms.filter(|ms| (1.0..=600_000.0).contains(ms)) else {
            return false;
        };
        match operator {
            "<" | "<=" => {
                #[expect(clippy::cast_possible_truncation, reason = "checked to be small")]
                let ms = ms as i64;
                self.max_latency = Some(self.max_latency.map_or(ms, |least| least.min(ms)));
            }
            ">" | ">=" => self.cel.push(format!("latencyMs {operator} {ms:?}")),
            _ => return false,
        }
        true
    }

    /// Whole days are known of a certificate.
    fn certificate(&mut self, operator: &str, right: &str) -> bool {
        let Some(seconds) = go::seconds(right) else {
            return false;
        };
        let days = (seconds / 86_400.0).floor();
        match operator {
            ">" | ">=" => self.cel.push(format!("certDays >= {days:.0}")),
            _ => return false,
        }
        true
    }

    fn address(&mut self, operator: &str, right: &str) -> bool {
        let Some(test) = text_test("peer", right) else {
            return false;
        };
        self.cel.push(if operator == "!=" { format!("!({test})") } else { test });
        matches!(operator, "==" | "!=")
    }

    fn body(&mut self, operator: &str, right: &str) -> bool {
        let invert = match operator {
            "==" => false,
            "!=" => true,
            _ => return false,
        };
        if let Some(glob) = argument(right, "pat") {
            self.body.push((pattern(glob), invert));
        } else if let Some(list) = argument(right, "any") {
            self.body.push((alternatives(list), invert));
        } else {
            if !invert {
                self.exact = Some(right.to_owned());
            }
            self.body.push((format!("^{}$", quoted(right)), invert));
        }
        true
    }

    fn json(&mut self, left: &str, operator: &str, right: &str) -> bool {
        if let Some(inner) = argument(left, "has") {
            let Some(path) = path(inner) else { return false };
            let wanted = (operator == "==") == (right == "true");
            return self.query(path, "exists", if wanted { "true" } else { "false" });
        }
        if let Some(inner) = argument(left, "len") {
            if right.parse::<i64>().is_err() {
                return false;
            }
            let of = match inner {
                "[BODY]" => "json".to_owned(),
                other => match path(other).as_deref().and_then(cel_path) {
                    Some(path) => path,
                    None => return false,
                },
            };
            self.cel.push(format!("size({of}) {operator} {right}"));
            return true;
        }
        let Some(path) = path(left) else { return false };
        if let Some(glob) = argument(right, "pat") {
            return operator == "==" && self.query(path, "matches", &pattern(glob));
        }
        if let Some(list) = argument(right, "any") {
            return operator == "==" && self.query(path, "matches", &alternatives(list));
        }
        self.query(path, operator, right)
    }

    /// The first query is the check's own; the others are said in CEL.
    fn query(&mut self, path: String, operator: &str, value: &str) -> bool {
        if self.json.is_none() {
            self.json = Some((path, operator.to_owned(), value.to_owned()));
            return true;
        }
        let Some(of) = cel_path(&path) else { return false };
        let condition = match operator {
            "exists" if value == "true" => format!("has({of})"),
            "exists" => format!("!has({of})"),
            "matches" => cel::matches(&format!("string({of})"), value),
            _ => {
                let bare = value.parse::<f64>().is_ok() || matches!(value, "true" | "false");
                let value = if bare { value.to_owned() } else { cel::text(value) };
                format!("{of} {operator} {value}")
            }
        };
        self.cel.push(condition);
        true
    }
}

/// A comparison of a text variable with a text, `pat(…)` or `any(…)`.
fn text_test(variable: &str, right: &str) -> Option<String> {
    if right.starts_with('[') {
        return None;
    }
    Some(if let Some(glob) = argument(right, "pat") {
        cel::matches(variable, &pattern(glob))
    } else if let Some(list) = argument(right, "any") {
        cel::matches(variable, &alternatives(list))
    } else {
        format!("{variable} == {}", cel::text(right))
    })
}

/// `[BODY].data[0].id` as `$.data[0].id`.
fn path(left: &str) -> Option<String> {
    let rest = left.strip_prefix("[BODY]")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']');
    (!rest.is_empty() && rest.chars().all(plain)).then(|| format!("${rest}"))
}

/// `$.data[0].id` as `json.data[0].id`.
fn cel_path(path: &str) -> Option<String> {
    let rest = path.strip_prefix('$')?;
    let named = rest.split(['.', '[', ']']).all(|part| {
        part.chars().all(|c| c.is_ascii_digit()) || !part.starts_with(|c: char| c.is_ascii_digit())
    });
    named.then(|| format!("json{rest}"))
}

/// A glob of `*` and `?` over the whole text.
fn pattern(glob: &str) -> String {
    let mut regex = String::from("(?s)^");
    for c in glob.chars() {
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            c => regex.push_str(&quoted(&c.to_string())),
        }
    }
    regex + "$"
}

fn alternatives(list: &str) -> String {
    let parts: Vec<String> = list.split(',').map(|part| quoted(part.trim())).collect();
    format!("^({})$", parts.join("|"))
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$#&-~".contains(c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(conditions: &[&str]) -> Criteria {
        read(conditions.iter().copied(), true)
    }

    #[test]
    fn statuses_are_lists_and_ranges() {
        assert_eq!(http(&["[STATUS] == 200"]).status, ["200"]);
        assert_eq!(http(&["[STATUS] == any(200, 429)"]).status, ["200", "429"]);
        assert_eq!(http(&["[STATUS] >= 200", "[STATUS] < 300"]).status, ["200-299"]);
        assert_eq!(http(&["300 > [STATUS]"]).status, ["100-299"]);
        assert_eq!(http(&["[STATUS] != 500"]).cel, ["status != 500"]);
    }

    #[test]
    fn bodies_are_looked_into() {
        assert_eq!(http(&["[BODY] == pat(*ok*)"]).body, [("(?s)^.*ok.*$".to_owned(), false)]);
        assert_eq!(http(&["[BODY] != pat(*err?*)"]).body, [("(?s)^.*err..*$".to_owned(), true)]);
        assert_eq!(http(&["[BODY] == a.b"]).body, [("^a\\.b$".to_owned(), false)]);
        let query = |condition| {
            http(&[condition])
                .json
                .map(|(path, operator, value)| format!("{path} {operator} {value}"))
        };
        assert_eq!(query("[BODY].user.name == john").as_deref(), Some("$.user.name == john"));
        assert_eq!(query("[BODY].data[0].id < 5").as_deref(), Some("$.data[0].id < 5"));
        assert_eq!(query("[BODY].id == any(1, 2)").as_deref(), Some("$.id matches ^(1|2)$"));
        assert_eq!(query("has([BODY].errors) == false").as_deref(), Some("$.errors exists false"));
    }

    #[test]
    fn the_rest_is_said_in_cel() {
        let criteria = http(&[
            "[BODY].a == 1",
            "[BODY].b == up",
            "[BODY].c > 3",
            "len([BODY].items) >= 2",
            "has([BODY].d) == true",
            "[CERTIFICATE_EXPIRATION] > 48h",
            "[IP] == 127.0.0.1",
        ]);
        assert_eq!(
            criteria.cel,
            [
                "json.b == \"up\"",
                "json.c > 3",
                "size(json.items) >= 2",
                "has(json.d)",
                "certDays >= 2",
                "peer == \"127.0.0.1\"",
            ]
        );
        assert_eq!(criteria.lost, Vec::<String>::new());
    }

    #[test]
    fn what_cannot_be_said_is_named() {
        let odd = ["[DOMAIN_EXPIRATION] > 720h", "nonsense", "[STATUS] == [BODY].code"];
        assert_eq!(http(&odd).lost, odd);
        let latency = http(&["[RESPONSE_TIME] < 300", "[RESPONSE_TIME] < 500"]);
        assert_eq!(latency.max_latency, Some(300));
    }
}
