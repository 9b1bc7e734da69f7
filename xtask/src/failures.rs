//! The tests that failed, gathered from what `cargo test` prints, so that CI can tell them again at
//! its end: between them and there are some thousands of lines.

use std::fmt::Write as _;

/// Lines kept of what one failed test printed.
const LINES_OF_ONE: usize = 40;
/// Lines kept of all of them.
const LINES_OF_ALL: usize = 160;

#[derive(Default)]
pub(crate) struct Failures {
    /// The kept lines, a headline first for each failed test.
    kept: Vec<String>,
    /// How many lines of the test that is being read were kept; none between reports.
    reading: Option<usize>,
}

impl Failures {
    /// Reads one line of libtest's output.
    pub(crate) fn see(&mut self, line: &str) {
        if line.starts_with("---- ") && line.ends_with(" ----") {
            self.reading = Some(0);
            self.keep(line);
        } else if line == "failures:" || line.starts_with("test result:") {
            self.reading = None;
        } else if line.starts_with("error: test failed")
            || line.starts_with("error: doctest failed")
        {
            self.keep(line);
        } else if let Some(lines) = self.reading
            && lines < LINES_OF_ONE
            && !line.is_empty()
        {
            self.reading = Some(lines + 1);
            self.keep(line);
        }
    }

    fn keep(&mut self, line: &str) {
        if self.kept.len() < LINES_OF_ALL {
            self.kept.push(line.to_owned());
        }
    }

    /// What failed, or `None` when nothing did or nothing was said.
    pub(crate) fn told(&self) -> Option<String> {
        let mut text = String::new();
        for line in &self.kept {
            let _ = write!(text, "\n{line}");
        }
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(output: &str) -> Option<String> {
        let mut failures = Failures::default();
        output.lines().for_each(|line| failures.see(line));
        failures.told()
    }

    #[test]
    fn a_failed_test_is_told_with_what_it_printed() {
        let output = "
running 2 tests
test good ... ok
test bad ... FAILED

failures:

---- bad stdout ----

thread 'bad' panicked at src/lib.rs:3:5:
one is not two

failures:
    bad

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out
";
        let told = "
---- bad stdout ----
thread 'bad' panicked at src/lib.rs:3:5:
one is not two";
        assert_eq!(read(output).as_deref(), Some(told));
    }

    #[test]
    fn nothing_is_told_of_what_passed() {
        assert_eq!(read("running 1 test\ntest good ... ok\n\ntest result: ok. 1 passed\n"), None);
    }

    #[test]
    fn a_talkative_test_does_not_push_the_others_out() {
        let mut output = String::from("failures:\n");
        for test in ["first", "second"] {
            let printed = "a line\n".repeat(1_000);
            let _ = writeln!(output, "---- {test} stdout ----\n{printed}");
        }
        let told = read(&output).expect("two failures");
        assert!(told.contains("---- second stdout ----"), "{told}");
        assert_eq!(told.lines().filter(|line| *line == "a line").count(), 2 * LINES_OF_ONE);
    }
}
