//! Label selectors as kubectl writes them: `app=web,tier in (front, edge),!canary`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// A selector; what it asks for stands in one order, so that equal ones are equal however they
/// were written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelSelector(BTreeSet<Requirement>);

/// Something that must hold of one label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Requirement {
    key: String,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Rule {
    Exists,
    Missing,
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Greater(i64),
    Less(i64),
}

/// Why a text is no selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LabelSelectorError(String);

impl LabelSelector {
    /// The selector of objects whose label has the value.
    pub(super) fn equal(key: &str, value: &str) -> Self {
        let rule = Rule::In(BTreeSet::from([value.to_owned()]));
        Self(BTreeSet::from([Requirement { key: key.to_owned(), rule }]))
    }

    /// Whether labels, as `metadata.labels` has them, are among those meant.
    pub fn matches(&self, labels: &Value) -> bool {
        self.0.iter().all(|it| it.holds(labels[it.key.as_str()].as_str()))
    }
}

impl Requirement {
    fn holds(&self, label: Option<&str>) -> bool {
        let number = || label.and_then(|label| label.parse::<i64>().ok());
        match &self.rule {
            Rule::Exists => label.is_some(),
            Rule::Missing => label.is_none(),
            Rule::In(values) => label.is_some_and(|label| values.contains(label)),
            // As in Kubernetes, a label that is not there has none of the values.
            Rule::NotIn(values) => label.is_none_or(|label| !values.contains(label)),
            Rule::Greater(than) => number().is_some_and(|number| number > *than),
            Rule::Less(than) => number().is_some_and(|number| number < *than),
        }
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, requirement) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            write!(f, "{requirement}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, rule } = self;
        let list = |values: &BTreeSet<String>| {
            values.iter().map(String::as_str).collect::<Vec<_>>().join(",")
        };
        match rule {
            Rule::Exists => f.write_str(key),
            Rule::Missing => write!(f, "!{key}"),
            Rule::In(values) if values.len() == 1 => write!(f, "{key}={}", list(values)),
            Rule::In(values) => write!(f, "{key} in ({})", list(values)),
            Rule::NotIn(values) if values.len() == 1 => write!(f, "{key}!={}", list(values)),
            Rule::NotIn(values) => write!(f, "{key} notin ({})", list(values)),
            Rule::Greater(than) => write!(f, "{key}>{than}"),
            Rule::Less(than) => write!(f, "{key}<{than}"),
        }
    }
}

impl FromStr for LabelSelector {
    type Err = LabelSelectorError;

    fn from_str(text: &str) -> Result<Self, LabelSelectorError> {
        let parts = parts(text)?;
        parts.into_iter().map(requirement).collect::<Result<_, _>>().map(Self)
    }
}

fn wrong<T>(why: impl Into<String>) -> Result<T, LabelSelectorError> {
    Err(LabelSelectorError(why.into()))
}

/// The requirements: what commas outside parentheses divide.
fn parts(text: &str) -> Result<Vec<&str>, LabelSelectorError> {
    let mut parts = Vec::new();
    let (mut start, mut open) = (0, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' if open => return wrong("a parenthesis opens within another one"),
            '(' => open = true,
            ')' if !open => return wrong("a parenthesis closes that was never opened"),
            ')' => open = false,
            ',' if !open => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if open {
        return wrong("a parenthesis is not closed");
    }
    parts.push(&text[start..]);
    Ok(parts)
}

fn requirement(part: &str) -> Result<Requirement, LabelSelectorError> {
    let part = part.trim();
    if part.is_empty() {
        return wrong("there is nothing where a requirement should be");
    }
    let (key, rule) = if let Some((before, list)) = part.split_once('(') {
        set(before, list)?
    } else if let Some(at) = part.find(['=', '!', '<', '>']).filter(|at| *at > 0) {
        comparison(part[..at].trim(), &part[at..])?
    } else if let Some(key) = part.strip_prefix('!') {
        (key.trim(), Rule::Missing)
    } else {
        (part, Rule::Exists)
    };
    check_key(key)?;
    Ok(Requirement { key: key.to_owned(), rule })
}

/// `key in (a, b)`, of which `before` stands before the parenthesis.
fn set<'a>(before: &'a str, list: &str) -> Result<(&'a str, Rule), LabelSelectorError> {
    let before = before.trim();
    let (key, word) = before.rsplit_once(char::is_whitespace).unwrap_or((before, ""));
    let Some((list, rest)) = list.split_once(')') else {
        return wrong("a parenthesis is not closed");
    };
    if !rest.trim().is_empty() {
        return wrong(format!("`{}` stands after the list", rest.trim()));
    }
    if list.trim().is_empty() {
        return wrong("the list in parentheses is empty");
    }
    let values = list.split(',').map(value).collect::<Result<_, _>>()?;
    match word {
        "in" => Ok((key.trim(), Rule::In(values))),
        "notin" => Ok((key.trim(), Rule::NotIn(values))),
        _ => wrong("before a list in parentheses there is `in` or `notin`"),
    }
}

/// `key=value` and its like, from the operator on.
fn comparison<'a>(key: &'a str, rest: &str) -> Result<(&'a str, Rule), LabelSelectorError> {
    let one = |text: &str| Ok::<_, LabelSelectorError>(BTreeSet::from([value(text)?]));
    let number = |text: &str| {
        text.trim().parse().map_err(|_| {
            LabelSelectorError(format!("`{}` is no whole number to compare with", text.trim()))
        })
    };
    let rule = if let Some(text) = rest.strip_prefix("!=") {
        Rule::NotIn(one(text)?)
    } else if let Some(text) = rest.strip_prefix("==").or_else(|| rest.strip_prefix('=')) {
        Rule::In(one(text)?)
    } else if let Some(text) = rest.strip_prefix('>') {
        Rule::Greater(number(text)?)
    } else if let Some(text) = rest.strip_prefix('<') {
        Rule::Less(number(text)?)
    } else {
        return wrong(format!("`{rest}` is no comparison; there are =, ==, !=, < and >"));
    };
    Ok((key, rule))
}

/// A value of a label: up to 63 letters, digits, `-`, `_` and `.`, or nothing.
fn value(text: &str) -> Result<String, LabelSelectorError> {
    let text = text.trim();
    if text.is_empty() || is_name(text) {
        Ok(text.to_owned())
    } else {
        wrong(format!("`{text}` is no value of a label"))
    }
}

/// A key of a label: a name, with a domain and a slash before it or without.
fn check_key(key: &str) -> Result<(), LabelSelectorError> {
    let (domain, name) = match key.split_once('/') {
        Some((domain, name)) => (Some(domain), name),
        None => (None, key),
    };
    let is_domain = |domain: &str| {
        domain.len() <= 253
            && domain.split('.').all(|label| {
                let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                !label.is_empty()
                    && label.bytes().all(inner)
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            })
    };
    if is_name(name) && domain.is_none_or(is_domain) {
        Ok(())
    } else {
        wrong(format!("`{key}` is no key of a label"))
    }
}

fn is_name(text: &str) -> bool {
    let ends = |letter: Option<char>| letter.is_some_and(|it| it.is_ascii_alphanumeric());
    text.len() <= 63
        && ends(text.chars().next())
        && ends(text.chars().next_back())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> LabelSelector {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_form_of_kubectl_is_read() {
        let labels = json!({"app": "web", "tier": "front", "n": "7", "empty": ""});
        for (text, matches) in [
            ("app=web", true),
            ("app == web", true),
            ("app=other", false),
            ("app!=other", true),
            ("app!=web", false),
            ("none!=web", true),
            ("app in (web, api)", true),
            ("app in(web)", true),
            ("app in (api)", false),
            ("app notin (api,db)", true),
            ("app notin (web)", false),
            ("none notin (web)", true),
            ("app", true),
            ("none", false),
            ("!none", true),
            ("! app", false),
            ("empty=", true),
            ("empty in (,a)", true),
            ("n>6", true),
            ("n > 7", false),
            ("n<8", true),
            ("app>1", false),
            ("app=web,tier in (front,edge),!canary", true),
            ("app=web,tier=back", false),
        ] {
            assert_eq!(read(text).matches(&labels), matches, "{text}");
        }
        assert!(!read("app").matches(&json!(null)));
        assert!(read("!app").matches(&json!(null)));
        assert!(
            read("app.kubernetes.io/name=web").matches(&json!({"app.kubernetes.io/name": "web"}))
        );
    }

    #[test]
    fn order_and_spelling_make_no_difference() {
        let one = read("b in (y,x), a==1");
        assert_eq!(one, read("a=1,b in (x, y)"));
        assert_eq!(one.to_string(), "a=1,b in (x,y)");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let told: Vec<String> = [
            "",
            "app=web,",
            "app in web",
            "app in ()",
            "app in (web",
            "app in (web)) ",
            "app of (web)",
            "in (web)",
            "app=web=1",
            "app=a b",
            "-app",
            "UPPER.example/app",
            "app>many",
            "app<=1",
            "a!b",
            "((",
            "app in (web) or tier",
        ]
        .into_iter()
        .map(|text| format!("{text}: {}", text.parse::<LabelSelector>().unwrap_err()))
        .collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        : there is nothing where a requirement should be
        app=web,: there is nothing where a requirement should be
        app in web: `app in web` is no key of a label
        app in (): the list in parentheses is empty
        app in (web: a parenthesis is not closed
        app in (web)) : a parenthesis closes that was never opened
        app of (web): before a list in parentheses there is `in` or `notin`
        in (web): before a list in parentheses there is `in` or `notin`
        app=web=1: `web=1` is no value of a label
        app=a b: `a b` is no value of a label
        -app: `-app` is no key of a label
        UPPER.example/app: `UPPER.example/app` is no key of a label
        app>many: `many` is no whole number to compare with
        app<=1: `=1` is no whole number to compare with
        a!b: `!b` is no comparison; there are =, ==, !=, < and >
        ((: a parenthesis opens within another one
        app in (web) or tier: `or tier` stands after the list
        ");
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_or_refused(text in "[a-z!=<>(), ./-]{0,40}") {
            if let Ok(selector) = text.parse::<LabelSelector>() {
                // What is shown means the same: it is what the API server is asked with.
                prop_assert_eq!(&read(&selector.to_string()), &selector);
            }
        }
    }
}
