//! Durations and names as people read them.

use std::time::Duration;

/// A duration with a unit that suits it: `3 ms`, `1.5 s`, `10 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros < 1_000 {
        format!("{micros} µs")
    } else if micros < 1_000_000 {
        format!("{} ms", micros / 1_000)
    } else if micros.is_multiple_of(1_000_000) {
        format!("{} s", micros / 1_000_000)
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

/// A list of names, at most `most` of them.
pub(crate) fn list(names: &[String], most: usize) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let text = names[..names.len().min(most)].join(", ");
    if names.len() > most {
        return format!("{text} and {} more", names.len() - most);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_that_suits_them() {
        let say = |micros| duration(Duration::from_micros(micros));
        assert_eq!(say(12), "12 µs");
        assert_eq!(say(3_400), "3 ms");
        assert_eq!(say(1_500_000), "1.5 s");
        assert_eq!(say(10_000_000), "10 s");
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
        assert_eq!(list(&names, 2), "a, b and 1 more");
        assert_eq!(list(&names, 3), "a, b, c");
        assert_eq!(list(&[], 3), "none");
    }
}
