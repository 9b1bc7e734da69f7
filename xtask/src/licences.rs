//! `cargo xtask licences`: the rules of `deny.toml` that need no database, checked without
//! installing anything; `cargo deny` runs too where it is installed, for the advisories.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, bail};

use crate::run::{self, cargo, root};

struct Rules {
    allowed: Vec<String>,
    banned: Vec<String>,
}

pub(crate) fn run() -> anyhow::Result<()> {
    let rules = rules()?;
    // The tree, unlike the lock file, holds only what is built with the features in use.
    let mut tree = cargo(&["tree", "--workspace", "--locked", "--edges", "normal,build,dev"]);
    tree.args(["--prefix", "none", "--no-dedupe", "--format", "{p}|{l}"]);
    let tree = run::output(&mut tree)?;
    let packages: BTreeSet<&str> = tree.lines().collect();
    let problems: Vec<_> = packages.iter().filter_map(|line| problem(line, &rules)).collect();
    if !problems.is_empty() {
        bail!("dependencies break deny.toml:\n  {}", problems.join("\n  "));
    }
    let installed = Command::new("cargo-deny").arg("--version").output().is_ok();
    if installed {
        run::run(&mut cargo(&["deny", "check"]))?;
    }
    Ok(())
}

fn rules() -> anyhow::Result<Rules> {
    let text = std::fs::read_to_string(root().join("deny.toml"))?;
    let deny: toml::Table = text.parse()?;
    let list = |section: &str, key: &str, field: Option<&str>| -> anyhow::Result<Vec<String>> {
        let values = deny.get(section).and_then(|section| section.get(key));
        let values = values.and_then(toml::Value::as_array);
        let values = values.with_context(|| format!("deny.toml has no {section}.{key}"))?;
        let text = |value: &toml::Value| {
            field.map_or(Some(value), |field| value.get(field))?.as_str().map(str::to_owned)
        };
        Ok(values.iter().filter_map(text).collect())
    };
    Ok(Rules {
        allowed: list("licenses", "allow", None)?,
        banned: list("bans", "deny", Some("crate"))?,
    })
}

/// What is wrong with a line of the tree, `name vVERSION[ (source)]|LICENCE`.
fn problem(line: &str, rules: &Rules) -> Option<String> {
    let (package, licence) = line.split_once('|')?;
    let mut words = package.split(' ');
    let name = words.next().unwrap_or_default();
    if rules.banned.iter().any(|banned| banned == name) {
        return Some(format!("{package}: banned"));
    }
    if package.contains("://") {
        return Some(format!("{package}: does not come from the registry"));
    }
    if licence.is_empty() {
        return Some(format!("{package}: names no licence"));
    }
    let expression = match spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX) {
        Ok(expression) => expression,
        Err(error) => return Some(format!("{package}: licence `{licence}`: {}", error.reason)),
    };
    let fits = expression.evaluate(|required| rules.allowed.contains(&required.to_string()));
    (!fits).then(|| format!("{package}: licence `{licence}` is not allowed"))
}
