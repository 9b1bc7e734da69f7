//! Telegram's three ways to mark text up
//! (<https://core.telegram.org/bots/api#formatting-options>).

use kuma_core::provider::TelegramMarkup;

/// A text that is shown as it is.
pub(super) fn escape(text: &str, markup: TelegramMarkup) -> String {
    match markup {
        TelegramMarkup::Html => html(text),
        TelegramMarkup::Markdown => backslashed(text, "_*`["),
        TelegramMarkup::MarkdownV2 => backslashed(text, "_*[]()~`>#+-=|{}.!\\"),
    }
}

/// A text in bold. The old Markdown knows no escapes within bold text, so a text that needs one
/// is not bold there.
pub(super) fn bold(text: &str, markup: TelegramMarkup) -> String {
    let escaped = escape(text, markup);
    match markup {
        TelegramMarkup::Html => format!("<b>{escaped}</b>"),
        TelegramMarkup::Markdown if escaped != text => escaped,
        TelegramMarkup::Markdown | TelegramMarkup::MarkdownV2 => format!("*{escaped}*"),
    }
}

/// A link.
pub(super) fn link(title: &str, url: &str, markup: TelegramMarkup) -> String {
    match markup {
        TelegramMarkup::Html => format!("<a href=\"{}\">{}</a>", html(url), html(title)),
        TelegramMarkup::Markdown => {
            let title = title.replace(['[', ']'], "");
            format!("[{title}]({})", url.replace(')', "%29"))
        }
        TelegramMarkup::MarkdownV2 => {
            format!("[{}]({})", escape(title, markup), backslashed(url, ")\\"))
        }
    }
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn backslashed(text: &str, special: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_markup_escapes_what_it_reads() {
        let text = r#"a_b *c* <d> & "e" [f](g) 1.5!\"#;
        insta::assert_snapshot!(escape(text, TelegramMarkup::Html), @r#"a_b *c* &lt;d&gt; &amp; &quot;e&quot; [f](g) 1.5!\"#);
        insta::assert_snapshot!(escape(text, TelegramMarkup::Markdown), @r#"a\_b \*c\* <d> & "e" \[f](g) 1.5!\"#);
        insta::assert_snapshot!(escape(text, TelegramMarkup::MarkdownV2), @r#"a\_b \*c\* <d\> & "e" \[f\]\(g\) 1\.5\!\\"#);
    }

    #[test]
    fn links_end_where_they_should() {
        let link = |markup| link("a]b", "https://x.example/(y)?a=1&b=2", markup);
        insta::assert_snapshot!(link(TelegramMarkup::Html), @r#"<a href="https://x.example/(y)?a=1&amp;b=2">a]b</a>"#);
        insta::assert_snapshot!(link(TelegramMarkup::Markdown), @"[ab](https://x.example/(y%29?a=1&b=2)");
        insta::assert_snapshot!(link(TelegramMarkup::MarkdownV2), @r"[a\]b](https://x.example/(y\)?a=1&b=2)");
    }

    #[test]
    fn the_old_markdown_does_not_embolden_what_it_cannot() {
        assert_eq!(bold("a_b", TelegramMarkup::Markdown), "a\\_b");
        assert_eq!(bold("ab", TelegramMarkup::Markdown), "*ab*");
    }
}
