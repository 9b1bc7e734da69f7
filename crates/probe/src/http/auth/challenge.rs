//! `WWW-Authenticate` (RFC 9110, section 11.6.1): a list of challenges, each a list itself.

/// A challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) struct Challenge {
    /// In lower case.
    pub(in crate::http) scheme: String,
    /// Names in lower case.
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The value of a parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(known, _)| known == name)?;
        Some(value)
    }
}

/// The challenges of one header. What cannot be read is passed over.
pub(in crate::http) fn parse(text: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        let end = rest.find(|c: char| !is_token(c)).unwrap_or(rest.len());
        if end == 0 {
            match rest.chars().next() {
                Some(c) => rest = &rest[c.len_utf8()..],
                None => return found,
            }
            continue;
        }
        let name = rest[..end].to_ascii_lowercase();
        rest = &rest[end..];
        let after = rest.trim_start_matches([' ', '\t']);
        match (after.strip_prefix('='), found.last_mut()) {
            (Some(value), Some(challenge)) => {
                let (value, after) = value_of(value.trim_start_matches([' ', '\t']));
                challenge.parameters.push((name, value));
                rest = after;
            }
            (Some(value), None) => rest = value,
            (None, _) => found.push(Challenge { scheme: name, parameters: Vec::new() }),
        }
    }
}

/// A token or a quoted string, and what follows it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| !is_token(c)).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    (value, "")
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/".contains(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn challenges_and_their_parameters_are_told_apart() {
        let found = parse(
            "Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"simple\"",
        );
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].parameter("title"), Some("Login to \"apps\""));
        assert_eq!(found[0].parameter("type"), Some("1"));
        assert_eq!(
            (found[1].scheme.as_str(), found[1].parameter("realm")),
            ("basic", Some("simple"))
        );
        assert_eq!(parse("Negotiate")[0].scheme, "negotiate");
        assert_eq!(
            parse("=, \"x\" , Digest nonce = \"a b\" ,,")[1].parameter("nonce"),
            Some("a b")
        );
    }

    proptest! {
        #[test]
        fn no_header_panics(text in ".{0,60}") {
            parse(&text);
        }
    }
}
