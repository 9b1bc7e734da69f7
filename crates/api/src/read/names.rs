//! The rules for names, labels and annotations, as the API server applies them.

/// RFC 1123 subdomain: what names of objects are.
pub(super) fn subdomain(text: &str) -> Result<(), &'static str> {
    if text.len() > 253 {
        return Err("must have at most 253 characters");
    }
    let fits = text.split('.').all(|part| {
        part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
    });
    fits.then_some(()).ok_or(
        "must consist of lower-case letters, digits, `-` and `.`, and start and end with a letter or digit",
    )
}

/// RFC 1123 label: what names of namespaces are.
pub(super) fn label(text: &str) -> Result<(), &'static str> {
    if text.len() > 63 {
        return Err("must have at most 63 characters");
    }
    if text.contains('.') {
        return Err("must not contain a dot");
    }
    subdomain(text)
}

/// The key of a label or annotation: `name` or `prefix.example/name`.
pub(super) fn qualified(key: &str) -> Result<(), &'static str> {
    let name = match key.split_once('/') {
        Some((prefix, name)) => {
            subdomain(prefix).map_err(|_| "has a prefix that is no DNS name")?;
            name
        }
        None => key,
    };
    if name.is_empty() || name.len() > 63 {
        return Err("must have between 1 and 63 characters after its prefix");
    }
    word(name)
}

/// The value of a label.
pub(super) fn label_value(value: &str) -> Result<(), &'static str> {
    if value.is_empty() {
        return Ok(());
    }
    if value.len() > 63 {
        return Err("must have at most 63 characters");
    }
    word(value)
}

fn word(text: &str) -> Result<(), &'static str> {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()].into_iter().flatten();
    let fits = bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        && ends.into_iter().all(u8::is_ascii_alphanumeric);
    fits.then_some(()).ok_or(
        "must consist of letters, digits, `-`, `_` and `.`, and start and end with a letter or digit",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_rfc_1123() {
        for good in ["a", "api-1", "api.example.org", &"a".repeat(253)] {
            assert_eq!(subdomain(good), Ok(()), "{good}");
        }
        for bad in ["", "Api", "a_b", "-a", "a-", "a..b", "a.-b", "é", &"a".repeat(254)] {
            assert!(subdomain(bad).is_err(), "{bad}");
        }
        assert!(label("a.b").is_err() && label(&"a".repeat(64)).is_err() && label("a-b").is_ok());
    }

    #[test]
    fn label_keys_and_values_follow_the_api_server() {
        for good in ["team", "app.kubernetes.io/name", "A_b.c"] {
            assert_eq!(qualified(good), Ok(()), "{good}");
        }
        for bad in ["", "a/", "/a", "a/b/c", "A.b/c", "a b", "-a", &"a".repeat(64)] {
            assert!(qualified(bad).is_err(), "{bad}");
        }
        assert!(label_value("").is_ok() && label_value("Team_1.x").is_ok());
        assert!(label_value("a b").is_err() && label_value(&"a".repeat(64)).is_err());
    }
}
