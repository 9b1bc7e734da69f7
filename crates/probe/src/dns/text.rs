//! Names as people write them, to and from the wire's form.

use hickory_proto::rr::Name;

/// A name as given, case kept; names in other scripts become their ASCII form (IDNA). Relative
/// or absolute as written.
pub(crate) fn parse_name(text: &str) -> Result<Name, String> {
    let parsed = if text.is_ascii() { Name::from_ascii(text) } else { Name::from_utf8(text) };
    match parsed {
        Ok(name) if !text.is_empty() => Ok(name),
        Ok(_) => Err("the name is empty".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The same name, absolute.
pub(crate) fn absolute(mut name: Name) -> Name {
    name.set_fqdn(true);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_case_and_foreign_scripts_become_ascii() {
        assert_eq!(parse_name("WwW.Example.com").unwrap().to_ascii(), "WwW.Example.com");
        assert_eq!(
            parse_name("_sip._tcp.example.com.").unwrap().to_ascii(),
            "_sip._tcp.example.com."
        );
        assert_eq!(parse_name("bücher.example").unwrap().to_ascii(), "xn--bcher-kva.example");
        for bad in ["", "a..b", "a b.example", "fe80::1%eth0", &"x".repeat(64)] {
            assert!(parse_name(bad).is_err(), "{bad}");
        }
        assert!(parse_name(&["abcdefgh"; 40].join(".")).is_err());
    }
}
