//! "Did you mean": the name that was probably meant.

/// The most similar of some names, if one is similar enough to suggest it.
pub fn closest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = simplified(name);
    names
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| (similarity(&wanted, &simplified(candidate)), candidate))
        .filter(|(score, _)| *score >= 0.7)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, candidate)| candidate)
}

/// Case and separators are what is mistaken most often.
fn simplified(name: &str) -> String {
    name.chars().take(100).filter(|c| !"-_ ".contains(*c)).flat_map(char::to_lowercase).collect()
}

fn similarity(one: &str, other: &str) -> f64 {
    if one == other {
        return 1.0;
    }
    let contained =
        one.len() >= 4 && other.len() >= 4 && (one.contains(other) || other.contains(one));
    let edits = strsim::normalized_damerau_levenshtein(one, other);
    let floor = if contained { 0.8 } else { 0.0 };
    // Short names need all but one letter to agree.
    let edits = if strsim::damerau_levenshtein(one, other) == 1 && one.len() > 2 {
        edits.max(0.85)
    } else {
        edits
    };
    edits.max(floor)
}
