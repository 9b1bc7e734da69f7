//! Links between pages: the file is there, and so is the heading.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// The links of a page that lead nowhere, as they are written.
pub(crate) fn broken(
    page: &Path,
    text: &str,
    read: impl Fn(&Path) -> Option<String>,
) -> Vec<String> {
    let folder = page.parent().unwrap_or_else(|| Path::new(""));
    let leads = |link: &str| {
        let (path, heading) = link.split_once('#').unwrap_or((link, ""));
        let target = if path.is_empty() { page.to_owned() } else { plain(&folder.join(path)) };
        let Some(found) = read(&target) else { return false };
        heading.is_empty() || headings(&found).contains(heading)
    };
    links(text).into_iter().filter(|link| !leads(link)).collect()
}

/// Where links of Markdown lead within the tree: `[text](here)`, code apart.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        // What stands between single backticks is code.
        let spoken: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for rest in spoken.split("](").skip(1) {
            let link = rest.split(')').next().unwrap_or_default();
            if !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:") {
                found.push(link.to_owned());
            }
        }
    }
    found
}

/// The anchors of a page's headings, as GitHub makes them.
fn headings(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for title in prose(text).filter(|line| line.starts_with('#')) {
        let title = title.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
        let anchor = kept.collect::<String>().replace(' ', "-");
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone()).chain(numbered);
        anchors.extend(free.into_iter().find(|anchor| !anchors.contains(anchor)));
    }
    anchors
}

/// The lines outside of fenced code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> Option<String> {
        let text = match path.to_str()? {
            "docs/a.md" => {
                "# A\n\n## Two `words` more\n## Again\n## Again\n```\n# No heading\n```\n"
            }
            "README.md" => "# Top\n",
            _ => return None,
        };
        Some(text.to_owned())
    }

    fn found(text: &str) -> Vec<String> {
        broken(Path::new("docs/a.md"), text, read)
    }

    #[test]
    fn links_to_files_and_headings_are_followed() {
        let good = "[a](a.md) [b](#two-words-more) [c](a.md#again-1) [d](../README.md#top)";
        assert_eq!(found(good), [""; 0]);
        let bad = "[a](b.md) [b](#no-heading) [c](a.md#again-2) and [d](../README.md#a)";
        assert_eq!(found(bad), ["b.md", "#no-heading", "a.md#again-2", "../README.md#a"]);
    }

    #[test]
    fn code_and_other_places_are_none_of_ours() {
        let text = "[a](https://example.com/b.md) `[a-z](nowhere)`\n```\n[a](nowhere)\n```\n";
        assert_eq!(found(text), [""; 0]);
    }
}
