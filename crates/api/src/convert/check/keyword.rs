//! `keyword`: a request whose body must hold something.

use kuma_core::check::{Check, Content, Keyword, KeywordCheck};

use super::http::request_check;
use super::{Context, Part, missing};
use crate::kinds::monitor::{KeywordCriteria, KeywordTarget};

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let criteria_at = format!("{}.successCriteria.keyword", part.at);
    let (at, request, rules) = match (&part.target.keyword, &part.target.http) {
        (Some(target), _) => {
            if part.criteria.keyword.is_some() {
                context.error(
                    criteria_at,
                    "it is an alias of what target.keyword says; set only one of them",
                );
            }
            let at = part.path("keyword");
            (at.clone(), &target.request, target_rules(context, &at, target))
        }
        (None, Some(request)) => {
            let Some(criteria) = &part.criteria.keyword else {
                context.error(
                    criteria_at,
                    "type keyword with target.http needs successCriteria.keyword",
                );
                return None;
            };
            let rules = criteria_rules(context, &criteria_at, criteria);
            (part.path("http"), request, rules)
        }
        (None, None) => {
            missing(context, part, "keyword");
            return None;
        }
    };
    let http = request_check(context, &at, request, part)?;
    Some(Check::Keyword(Box::new(KeywordCheck { http, rules })))
}

fn target_rules(context: &mut Context<'_>, at: &str, target: &KeywordTarget) -> Vec<Content> {
    let mut texts: Vec<(String, &String)> = Vec::new();
    texts.extend(target.keyword.iter().map(|text| (format!("{at}.keyword"), text)));
    texts.extend(
        target
            .keywords
            .iter()
            .flatten()
            .enumerate()
            .map(|(index, text)| (format!("{at}.keywords[{index}]"), text)),
    );
    if texts.is_empty() {
        context.error(at, "set either keyword or keywords");
    }
    let case_sensitive = target.case_sensitive.unwrap_or(true);
    let invert = target.invert.unwrap_or(false);
    texts
        .into_iter()
        .filter_map(|(path, text)| {
            let keyword = if target.regex == Some(true) {
                let flag = if case_sensitive { "" } else { "(?i)" };
                Keyword::Regex(context.pattern(&path, &format!("{flag}{text}"))?)
            } else {
                Keyword::Text { text: text.clone(), case_sensitive }
            };
            Some(Content { keyword, invert })
        })
        .collect()
}

fn criteria_rules(context: &mut Context<'_>, at: &str, criteria: &KeywordCriteria) -> Vec<Content> {
    let text = |text: &String, invert| Content {
        keyword: Keyword::Text { text: text.clone(), case_sensitive: true },
        invert,
    };
    let mut rules: Vec<Content> = Vec::new();
    rules.extend(criteria.contains.iter().flatten().map(|it| text(it, false)));
    rules.extend(criteria.not_contains.iter().flatten().map(|it| text(it, true)));
    let written = rules.len() + criteria.regex.as_ref().map_or(0, Vec::len);
    for (index, source) in criteria.regex.iter().flatten().enumerate() {
        let pattern = context.pattern(&format!("{at}.regex[{index}]"), source);
        rules.extend(
            pattern.map(|pattern| Content { keyword: Keyword::Regex(pattern), invert: false }),
        );
    }
    if written == 0 {
        context.error(at, "name at least one of contains, notContains and regex");
    }
    rules
}
