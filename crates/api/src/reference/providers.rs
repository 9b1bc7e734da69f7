//! A page per provider type: an example and its fields. What its messages look like and what
//! becomes of answers is in `docs/providers/`.

use std::fmt::Write as _;

use kuma_core::id::Kind;
use kuma_core::provider::ProviderType;

use super::checks::first_comment;
use super::tables::tables;
use super::{GENERATED, part_of};

macro_rules! pages {
    ($($provider:ident, $name:literal;)*) => {
        /// The example of each type, as `examples/providers/` has it.
        const PAGES: &[(ProviderType, &str)] = &[$((
            ProviderType::$provider,
            include_str!(concat!("../../../../examples/providers/", $name, ".yaml")),
        ),)*];
    };
}

pages! {
    Slack, "slack";
    Discord, "discord";
    Telegram, "telegram";
    Smtp, "smtp";
    Webhook, "webhook";
    Gotify, "gotify";
    Pushover, "pushover";
    Apprise, "apprise";
    Alertmanager, "alertmanager";
    Pagerduty, "pagerduty";
    Teams, "teams";
}

pub(super) fn pages() -> impl Iterator<Item = (String, String)> {
    PAGES
        .iter()
        .map(|(provider, example)| (format!("providers/{provider}.md"), text(*provider, example)))
}

/// A line for each page.
pub(super) fn index() -> String {
    PAGES.iter().fold(String::new(), |mut list, (provider, example)| {
        let about = first_comment(example);
        let _ = writeln!(list, "- [{provider}](providers/{provider}.md): {about}");
        list
    })
}

fn text(provider: ProviderType, example: &str) -> String {
    let mut out = format!(
        "{GENERATED}# Provider type `{provider}`\n\n```yaml\n{}\n```\n\n\
         [What its messages look like, and what becomes of answers](../../providers/{provider}.md). \
         Fields that all providers have are on the page of the \
         [NotificationProvider](../notificationprovider.md).\n",
        example.trim_end()
    );
    if let Some(schema) =
        part_of(Kind::NotificationProvider, &["spec", "config", provider.as_str()])
    {
        out.push_str(&tables(&format!("spec.config.{provider}"), &schema));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_page_with_an_example_that_says_what_it_is() {
        for provider in ProviderType::ALL {
            let (_, example) = PAGES.iter().find(|(known, _)| *known == provider).unwrap();
            assert!(!first_comment(example).is_empty(), "{provider}");
            assert!(example.contains(&format!("type: {provider}\n")), "{provider}");
        }
    }
}
