//! What could not be carried over as it was: for each object and field what it said, why, and
//! what to do.

use std::fmt::Write as _;

use serde::Serialize;

/// Longest value shown, in bytes.
const MAX_VALUE_BYTES: usize = 120;

/// How much an entry matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Not there any more: a person has to do something.
    Lost,
    /// Carried over as something that behaves nearly the same.
    Approximate,
}

/// One remark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// How much it matters.
    pub weight: Weight,
    /// What it is about, as it was called: `monitor "Shop"`.
    pub subject: String,
    /// Which field of it.
    pub field: String,
    /// What it said, cut; never a credential.
    pub value: String,
    /// Why it is not as it was.
    pub why: String,
    /// What to do about it.
    pub todo: String,
}

/// Everything that was carried over, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Objects written, by kind.
    pub written: std::collections::BTreeMap<String, usize>,
    /// Remarks, in the order of what was read.
    pub entries: Vec<Entry>,
}

impl Report {
    pub(crate) fn add(&mut self, weight: Weight, subject: &str, field: &str, said: Said<'_>) {
        let Said { value, why, todo } = said;
        self.entries.push(Entry {
            weight,
            subject: subject.to_owned(),
            field: field.to_owned(),
            value: kuma_core::observation::bounded(value.replace('\n', " "), MAX_VALUE_BYTES),
            why: why.to_owned(),
            todo: todo.to_owned(),
        });
    }

    /// Whether something is not there any more.
    pub fn has_losses(&self) -> bool {
        self.entries.iter().any(|entry| entry.weight == Weight::Lost)
    }

    /// For people, as Markdown that reads well on a terminal too.
    pub fn render(&self) -> String {
        let written: Vec<String> =
            self.written.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let mut text = if written.is_empty() {
            "Nothing was written.\n".to_owned()
        } else {
            format!("Written: {}.\n", written.join(", "))
        };
        for (weight, title) in
            [(Weight::Lost, "Not carried over"), (Weight::Approximate, "Not quite the same")]
        {
            let entries: Vec<_> = self.entries.iter().filter(|it| it.weight == weight).collect();
            if entries.is_empty() {
                continue;
            }
            // Writing into a string does not fail.
            let _ = writeln!(text, "\n## {title} ({})\n", entries.len());
            for entry in entries {
                let value = if entry.value.is_empty() {
                    String::new()
                } else {
                    format!(" `{}`", entry.value)
                };
                let _ =
                    writeln!(text, "- {}, {}{value}: {}.", entry.subject, entry.field, entry.why);
                if !entry.todo.is_empty() {
                    let _ = writeln!(text, "  {}.", entry.todo);
                }
            }
        }
        text
    }
}

/// What a remark says beside its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    /// What the field said.
    pub(crate) value: &'a str,
    /// Why it is not as it was, without a full stop.
    pub(crate) why: &'a str,
    /// What to do, without a full stop.
    pub(crate) todo: &'a str,
}
