//! The HTML part of a mail: plain tables and inline styles, which is what mail programs show.

use crate::human;
use crate::message::Message;

/// Longest text of the page, in characters.
const LONGEST_TEXT: usize = 100_000;
/// Where a notice goes.
const NOTICE: &str = "<!-- notice -->";

/// The page.
pub(crate) fn page(message: &Message) -> String {
    let colour = message.severity.colour();
    let title = escape(&message.title);
    let text = paragraphs(&human::shorten(&message.text, LONGEST_TEXT));
    let rows: Vec<_> = message
        .fields
        .iter()
        .map(|field| {
            format!(
                "<tr><td style=\"padding:2px 16px 2px 0;color:#667085;vertical-align:top\">{}</td>\
                 <td style=\"padding:2px 0\">{}</td></tr>",
                escape(field.name),
                escape(&field.value)
            )
        })
        .collect();
    let links: Vec<_> = message
        .links
        .iter()
        .map(|link| {
            format!(
                "<p style=\"margin:8px 0\"><a href=\"{}\">{}</a></p>",
                escape(&link.url),
                escape(&link.title)
            )
        })
        .collect();
    let error = message
        .template_error
        .as_deref()
        .map(|error| format!("<p style=\"color:#667085\">{}</p>", escape(error)))
        .unwrap_or_default();
    let (rows, links) = (rows.concat(), links.concat());
    format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body style=\"font-family:sans-serif;font-size:15px;color:#101828\">\n{NOTICE}\n\
         <div style=\"border-left:4px solid {colour};padding:4px 16px\">\n\
         <h1 style=\"font-size:18px;margin:4px 0 12px\">{title}</h1>\n{text}\n\
         <table style=\"border-collapse:collapse\">{rows}</table>\n{links}{error}\n\
         </div></body></html>\n"
    )
}

/// The page with a sentence above it.
pub(crate) fn with_notice(page: &str, notice: &str) -> String {
    page.replacen(NOTICE, &format!("<p>{}</p>", escape(notice)), 1)
}

fn paragraphs(text: &str) -> String {
    text.split('\n')
        .map(|line| format!("<p style=\"margin:8px 0\">{}</p>", escape(line)))
        .collect::<Vec<_>>()
        .concat()
}

/// Escapes what HTML reads as markup, quotes included.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped_in_text_and_attributes() {
        assert_eq!(escape("<b a=\"x\">&'"), "&lt;b a=&quot;x&quot;&gt;&amp;&#39;");
    }
}
