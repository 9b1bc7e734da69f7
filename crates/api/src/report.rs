//! What a reading found, for people and for programs.

use std::fmt::Write as _;

use kuma_core::object::Severity;
use serde::{Deserialize, Serialize};

use crate::read::{FileReading, Finding};

/// The findings of some files, with their sums.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    /// Everything found, by file and place.
    pub findings: Vec<Finding>,
    /// Objects seen, valid or not.
    pub objects: usize,
    /// Errors among the findings.
    pub errors: usize,
    /// Warnings among the findings.
    pub warnings: usize,
    /// Documents of other groups.
    pub skipped: usize,
}

impl Report {
    /// Adds what a file says.
    pub fn add(&mut self, reading: &FileReading) {
        self.objects += reading.objects.len() + reading.invalid.len();
        self.skipped += reading.skipped;
        self.extend(reading.findings.iter().cloned());
    }

    /// Adds findings that concern more than one file, as the catalog makes them.
    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            match finding.problem.severity {
                Severity::Error => self.errors += 1,
                Severity::Warning => self.warnings += 1,
            }
            self.findings.push(finding);
        }
        self.findings
            .sort_by(|one, other| (&one.file, one.location).cmp(&(&other.file, other.location)));
    }

    /// Whether anything cannot be used.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// The report as text, grouped by file, with a line of sums at the end.
    pub fn render(&self, colour: bool) -> String {
        let paint = Paint { colour };
        let mut out = String::new();
        let mut file = None;
        for finding in &self.findings {
            if file.is_some_and(|file| file != &finding.file) {
                out.push('\n');
            }
            file = Some(&finding.file);
            render(finding, paint, &mut out);
        }
        if !self.findings.is_empty() {
            out.push('\n');
        }
        let skipped = match self.skipped {
            0 => String::new(),
            1 => ", 1 document of other groups skipped".to_owned(),
            count => format!(", {count} documents of other groups skipped"),
        };
        let _ = writeln!(
            out,
            "{}, {}, {}{skipped}",
            counted(self.objects, "object"),
            paint.error_if(self.errors > 0, &counted(self.errors, "error")),
            counted(self.warnings, "warning"),
        );
        out
    }
}

fn render(finding: &Finding, paint: Paint, out: &mut String) {
    let problem = &finding.problem;
    let severity = match problem.severity {
        Severity::Error => paint.error_if(true, "error"),
        Severity::Warning => paint.code("33", "warning"),
    };
    let place =
        format!("{}:{}:{}", finding.file.display(), finding.location.line, finding.location.column);
    let _ = write!(out, "{} {severity}", paint.code("1", &printable(&place)));
    if let Some(object) = &finding.object {
        let _ = write!(out, " {}", printable(&object.to_string()));
    }
    if !problem.path.is_empty() {
        let _ = write!(out, " {}", printable(&problem.path));
    }
    let _ = write!(out, ": {}", printable(&problem.why));
    if let Some(value) = &problem.value {
        let _ = write!(out, " (found {})", printable(value));
    }
    out.push('\n');
    if let Some(fix) = &problem.fix {
        let _ = writeln!(out, "    {}", paint.code("36", &printable(fix)));
    }
}

/// Without control characters: what a file holds must not steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Colours by ANSI codes, or none.
#[derive(Clone, Copy)]
struct Paint {
    colour: bool,
}

impl Paint {
    fn code(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn error_if(self, wrong: bool, text: &str) -> String {
        if wrong { self.code("31", text) } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::read::{ReadContext, read_file};

    fn report() -> Report {
        let mut report = Report::default();
        let context = ReadContext::default();
        for (path, text) in [
            (
                "b.yaml",
                "apiVersion: v1\nkind: Secret\nmetadata:\n  name: Mail\n  labels:\n    a: 1\ndata:\n  password: plain!\n  hash: <hash>\n",
            ),
            (
                "a.yaml",
                "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n---\napiVersion: monitoring.kubekuma.io/v1\nkind: Montor\nmetadata: {name: y}\n---\na: [1\n",
            ),
            (
                "c.yaml",
                "apiVersion: v1\nkind: Secret\nmetadata: {name: ok, namespace: shop}\nstringData: {a: b}\n",
            ),
        ] {
            report.add(&read_file(Path::new(path), text.as_bytes(), &context));
        }
        report
    }

    #[test]
    fn findings_are_grouped_and_summed() {
        insta::assert_snapshot!(report().render(false), @r#"
a.yaml:6:7 error kind: there is no kind `Montor` in monitoring.kubekuma.io/v1 (found Montor)
    did you mean `Monitor`?
a.yaml:10:1 error: while parsing a flow sequence, expected ',' or ']'

b.yaml:4:9 error Secret kubekuma/Mail metadata.name: must consist of lower-case letters, digits, `-` and `.`, and start and end with a letter or digit (found Mail)
    for example `mail`
b.yaml:6:8 error Secret kubekuma/Mail metadata.labels.a: must be text (found 1)
    put it into quotes
b.yaml:8:3 error Secret kubekuma/Mail data.password: is no base64
    encode it with base64, or move it under `stringData` as it is
b.yaml:9:3 warning Secret kubekuma/Mail data.hash: is a placeholder, so the entry is missing
    fill in the value, encoded as base64

4 objects, 5 errors, 1 warning, 1 document of other groups skipped
"#);
    }

    #[test]
    fn a_sound_folder_has_one_line() {
        let mut report = Report::default();
        let text = b"apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
        report.add(&read_file(Path::new("a.yaml"), text, &ReadContext::default()));
        assert_eq!(report.render(false), "1 object, 0 errors, 0 warnings\n");
        assert!(!report.has_errors());
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let mut plain = report().render(true);
        assert!(plain.contains("\u{1b}[31merror\u{1b}[0m"));
        for code in ["\u{1b}[31m", "\u{1b}[33m", "\u{1b}[36m", "\u{1b}[1m", "\u{1b}[0m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, report().render(false));
    }

    #[test]
    fn what_a_file_holds_does_not_steer_the_terminal() {
        let text =
            "apiVersion: monitoring.kubekuma.io/v1\nkind: \"Mon\\e[2Jitor\"\nmetadata: {name: y}\n";
        let mut report = Report::default();
        report.add(&read_file(Path::new("a.yaml"), text.as_bytes(), &ReadContext::default()));
        assert!(report.has_errors());
        assert!(!report.render(false).contains('\u{1b}'));
    }

    #[test]
    fn the_report_is_json_for_programs() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["errors"], report().errors);
        assert_eq!(json["findings"][0]["file"], "a.yaml");
        assert_eq!(json["findings"][0]["location"]["line"], 6);
        assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report());
    }
}
