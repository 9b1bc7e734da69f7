//! Where the tests' tools are kept: outside the checkout, for all checkouts together.

use std::path::PathBuf;

use anyhow::Context;

/// `$KUBEKUMA_CACHE`, or `kubekuma` in the user's cache.
pub(crate) fn folder() -> anyhow::Result<PathBuf> {
    if let Some(folder) = variable("KUBEKUMA_CACHE") {
        return Ok(PathBuf::from(folder));
    }
    let base = variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .context(
            "none of KUBEKUMA_CACHE, XDG_CACHE_HOME and HOME is set, so there is no place for the tests' tools",
        )?;
    Ok(base.join("kubekuma"))
}

/// A variable of the environment; an empty one is none.
#[expect(clippy::disallowed_methods, reason = "a contributor's command reads its environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
