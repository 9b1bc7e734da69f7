//! Names as people write them, to and from the wire's form.

use std::time::Duration;

use hickory_proto::rr::Name;

/// A name as given, case kept; names in other scripts become their ASCII form (IDNA). Relative
/// or absolute as written.
pub(crate) fn parse_name(text: &str) -> Result<Name, String> {
    let parsed = if text.is_ascii() {
        Name::from_ascii(text)
    } else {
        Name::from_utf8(text)
    };
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

/// A duration for people: `350 ms`, `5 s`, `1.5 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{} s", (duration.as_secs_f64() * 10.0).round() / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_case_and_foreign_scripts_become_ascii() {
        assert_eq!(
            parse_name("WwW.Example.com").unwrap().to_ascii(),
            "WwW.Example.com"
        );
        assert_eq!(
            parse_name("_sip._tcp.example.com.").unwrap().to_ascii(),
            "_sip._tcp.example.com."
        );
        assert_eq!(
            parse_name("bücher.example").unwrap().to_ascii(),
            "xn--bcher-kva.example"
        );
        for bad in ["", "a..b", "a b.example", "fe80::1%eth0", &"x".repeat(64)] {
            assert!(parse_name(bad).is_err(), "{bad}");
        }
        assert!(parse_name(&["abcdefgh"; 40].join(".")).is_err());
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(seconds(Duration::from_millis(350)), "350 ms");
        assert_eq!(seconds(Duration::from_secs(5)), "5 s");
        assert_eq!(seconds(Duration::from_millis(1500)), "1.5 s");
    }
}
