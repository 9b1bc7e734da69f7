//! `keyword`: an HTTP answer whose body must hold, or must not hold, something.

use kuma_core::check::{Content, Keyword, KeywordCheck};
use kuma_core::reason::Reason;

use crate::attempt::{Attempt, Verdict};
use crate::fault::Fault;
use crate::http::{self, Need};

/// Runs the check.
pub(crate) async fn run(attempt: &mut Attempt<'_>, check: &KeywordCheck) -> Verdict {
    let answer = http::fetch(attempt, &check.http, Need::Whole).await?;
    let text = answer.text();
    for rule in &check.rules {
        judge(rule, &text).map_err(|fault| fault.with_all(answer.last_facts()))?;
    }
    http::tell(attempt, &answer);
    Ok(format!("{}, body as expected", answer.status_line()))
}

fn judge(rule: &Content, text: &str) -> Result<(), Fault> {
    let found = holds(&rule.keyword, text);
    if found != rule.invert {
        return Ok(());
    }
    let what = match &rule.keyword {
        Keyword::Text { text, .. } => format!("`{text}`"),
        Keyword::Regex(pattern) => format!("a match of `{}`", pattern.as_str()),
    };
    let message = if rule.invert {
        format!("the body holds {what}, which it must not")
    } else {
        format!("the body does not hold {what}")
    };
    Err(Fault::target(Reason::BodyMismatch, message))
}

fn holds(keyword: &Keyword, text: &str) -> bool {
    match keyword {
        Keyword::Regex(pattern) => pattern.is_match(text),
        Keyword::Text { text: wanted, case_sensitive: true } => text.contains(wanted.as_str()),
        Keyword::Text { text: wanted, .. } => text.to_lowercase().contains(&wanted.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use kuma_expr::Pattern;

    use super::*;

    fn rule(keyword: Keyword, invert: bool) -> Content {
        Content { keyword, invert }
    }

    fn text(text: &str, case_sensitive: bool) -> Keyword {
        Keyword::Text { text: text.into(), case_sensitive }
    }

    #[test]
    fn case_matters_only_when_asked() {
        assert!(judge(&rule(text("All Good", true), false), "it is All Good").is_ok());
        assert!(judge(&rule(text("all good", true), false), "it is All Good").is_err());
        assert!(judge(&rule(text("ALL GOOD", false), false), "it is All Good").is_ok());
        assert!(judge(&rule(text("GRÜN", false), false), "alles grün").is_ok());
    }

    #[test]
    fn inverted_rules_want_absence() {
        let fault = judge(&rule(text("error", true), true), "an error").unwrap_err();
        assert_eq!(fault.message, "the body holds `error`, which it must not");
        assert!(judge(&rule(text("error", true), true), "fine").is_ok());
    }

    #[test]
    fn patterns_match_anywhere() {
        let pattern = || Keyword::Regex(Pattern::compile("up: [0-9]+").unwrap());
        assert!(judge(&rule(pattern(), false), "is up: 12 days").is_ok());
        let fault = judge(&rule(pattern(), false), "down").unwrap_err();
        assert_eq!(fault.message, "the body does not hold a match of `up: [0-9]+`");
    }
}
