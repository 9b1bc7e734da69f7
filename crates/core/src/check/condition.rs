//! What a condition (`successCriteria.cel`) may name, per check type. Documentation, validation
//! and the prober all go by this table.

use kuma_expr::{Type, Variable};

use super::CheckType;

/// What every attempt has.
const COMMON: &[Variable] = &[
    Variable { name: "latencyMs", kind: Type::Double, meaning: "Milliseconds of the attempt." },
    Variable {
        name: "resolveMs",
        kind: Type::Double,
        meaning: "Milliseconds until the name was resolved; 0 where nothing was.",
    },
    Variable {
        name: "connectMs",
        kind: Type::Double,
        meaning: "Milliseconds until the connection stood, proxy included; 0 without one.",
    },
    Variable {
        name: "tlsMs",
        kind: Type::Double,
        meaning: "Milliseconds of the TLS handshake; 0 without one.",
    },
    Variable {
        name: "firstByteMs",
        kind: Type::Double,
        meaning: "Milliseconds from the request to the first byte of the answer.",
    },
    Variable {
        name: "transferMs",
        kind: Type::Double,
        meaning: "Milliseconds from the first byte of the answer to the last.",
    },
    Variable {
        name: "peer",
        kind: Type::Text,
        meaning: "The address that was asked, or the proxy's.",
    },
    Variable {
        name: "certDays",
        kind: Type::Any,
        meaning: "Whole days until the certificate expires, an int; `null` without TLS.",
    },
];

/// What an HTTP answer has besides.
const HTTP: &[Variable] = &[
    Variable { name: "status", kind: Type::Int, meaning: "The status code." },
    Variable {
        name: "headers",
        kind: Type::Map(&Type::Text),
        meaning: "The headers by lower-case name; several values are joined by `, `.",
    },
    Variable {
        name: "body",
        kind: Type::Text,
        meaning: "The body, decompressed; what is not UTF-8 is replaced.",
    },
    Variable { name: "bodyBytes", kind: Type::Int, meaning: "The body's size, decompressed." },
    Variable {
        name: "json",
        kind: Type::Any,
        meaning: "The body as JSON; a body that is none fails with `JSON_INVALID`.",
    },
    Variable { name: "url", kind: Type::Text, meaning: "Where the redirects ended." },
    Variable { name: "redirects", kind: Type::Int, meaning: "How many redirects were followed." },
    Variable {
        name: "httpVersion",
        kind: Type::Text,
        meaning: "`HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`.",
    },
];

/// What a condition of this type may name; nothing for types that have no attempts.
pub fn variables(check: CheckType) -> Vec<Variable> {
    match check {
        CheckType::Push | CheckType::Group | CheckType::Kubernetes => Vec::new(),
        CheckType::Http | CheckType::Keyword | CheckType::JsonQuery => [HTTP, COMMON].concat(),
        _ => COMMON.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        for check in CheckType::ALL {
            let variables = variables(check);
            let names: HashSet<_> = variables.iter().map(|variable| variable.name).collect();
            assert_eq!(names.len(), variables.len(), "{check}");
        }
    }
}
