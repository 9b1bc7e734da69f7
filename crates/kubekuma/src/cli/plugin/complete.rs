//! Completions as kubectl asks plugins for them: it runs `kubectl_complete-kuma` with the words
//! typed so far, and reads one candidate a line and, last, what may be done with them. Pure.

use clap::{Arg, Command};

/// Nothing else is to be suggested, files least of all.
const NO_FILES: &str = ":4";
/// Files may be suggested.
const FILES: &str = ":0";

/// The answer for the words after `kubectl kuma`; the last one is being typed.
pub(super) fn answer(mut root: Command, words: &[String]) -> String {
    root.build();
    let (typed, before) = match words {
        [before @ .., typed] => (typed.as_str(), before),
        [] => ("", [].as_slice()),
    };
    let mut command = &root;
    for word in before {
        command = command.find_subcommand(word).unwrap_or(command);
    }
    let asked_value = before.last().and_then(|word| option(command, word));
    let candidates = match asked_value {
        Some(option) => values(option),
        None if typed.starts_with('-') => options(command),
        None => subcommands(command),
    };
    let mut lines: Vec<String> =
        candidates.into_iter().filter(|line| line.starts_with(typed)).collect();
    let takes_paths = asked_value.map_or_else(|| command.get_name() == "validate", is_path);
    lines.push(if takes_paths { FILES } else { NO_FILES }.to_owned());
    lines.join("\n")
}

fn visible(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_hide_set())
}

/// The option that a word is, if it wants a value.
fn option<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    visible(command).find(|arg| {
        let long = arg.get_long().is_some_and(|long| word.strip_prefix("--") == Some(long));
        let short = arg.get_short().is_some_and(|short| word == format!("-{short}"));
        (long || short) && arg.get_action().takes_values()
    })
}

fn is_path(arg: &Arg) -> bool {
    arg.get_id() == "kubeconfig"
}

fn values(arg: &Arg) -> Vec<String> {
    let values = arg.get_possible_values();
    values.iter().map(|value| value.get_name().to_owned()).collect()
}

fn options(command: &Command) -> Vec<String> {
    visible(command)
        .filter_map(|arg| Some(described(&format!("--{}", arg.get_long()?), arg.get_help())))
        .collect()
}

fn subcommands(command: &Command) -> Vec<String> {
    let shown = command.get_subcommands().filter(|below| !below.is_hide_set());
    shown.map(|below| described(below.get_name(), below.get_about())).collect()
}

fn described(word: &str, about: Option<&clap::builder::StyledStr>) -> String {
    match about.and_then(|about| about.to_string().lines().next().map(str::to_owned)) {
        Some(about) => format!("{word}\t{about}"),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(typed: &[&str]) -> Vec<String> {
        let typed: Vec<_> = typed.iter().map(|word| (*word).to_owned()).collect();
        let answer = answer(super::super::command(), &typed);
        answer.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn commands_options_and_values_are_suggested() {
        assert_eq!(words(&["s"]), ["status", "silence", NO_FILES]);
        assert_eq!(words(&["silence", "e"]), ["expire", NO_FILES]);
        assert_eq!(words(&["status", "-o", ""]), ["table", "json", "yaml", NO_FILES]);
        assert_eq!(words(&["status", "--all"]), ["--all-namespaces", NO_FILES]);
        assert_eq!(words(&["validate", ""]), [FILES]);
        assert_eq!(words(&["status", "--kubeconfig", ""]), [FILES]);
        assert_eq!(words(&["check", ""]), [NO_FILES]);
        assert!(words(&[]).contains(&"incidents".to_owned()));
    }
}
