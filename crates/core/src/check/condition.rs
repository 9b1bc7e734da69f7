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

/// What the answers to echo requests have besides.
const PING: &[Variable] = &[
    Variable {
        name: "lossPercent",
        kind: Type::Double,
        meaning: "Share of the requests that were not answered, in per cent.",
    },
    Variable {
        name: "minMs",
        kind: Type::Double,
        meaning: "Milliseconds of the shortest round trip (`latencyMs` is their mean); 0 without any.",
    },
    Variable {
        name: "maxMs",
        kind: Type::Double,
        meaning: "Milliseconds of the longest round trip; 0 without any.",
    },
    Variable {
        name: "jitterMs",
        kind: Type::Double,
        meaning: "How far round trips stray from their mean: their standard deviation in milliseconds; 0 with fewer than two. Ask for it with a `count` of some.",
    },
];

/// What a DNS server's answer has besides.
const DNS: &[Variable] = &[
    Variable { name: "rcode", kind: Type::Text, meaning: "The answer's code, such as `NOERROR`." },
    Variable {
        name: "answers",
        kind: Type::List(&Type::Text),
        meaning: "The records of the type that was asked for, as in a zone file.",
    },
    Variable {
        name: "ttl",
        kind: Type::Int,
        meaning: "The shortest time to live among them in seconds; 0 without any.",
    },
];

/// What a game server says of itself.
const STEAM: &[Variable] = &[
    Variable { name: "name", kind: Type::Text, meaning: "The server's name." },
    Variable { name: "map", kind: Type::Text, meaning: "The map that is played." },
    Variable { name: "players", kind: Type::Int, meaning: "Players, bots among them." },
    Variable { name: "bots", kind: Type::Int, meaning: "Bots." },
    Variable { name: "slots", kind: Type::Int, meaning: "Most players that there may be." },
];

/// What objects of a cluster have instead: nothing is asked over the network.
const OBJECTS: &[Variable] = &[
    Variable {
        name: "object",
        kind: Type::Any,
        meaning: "The object as `kubectl get --output json` shows it, without `managedFields`; of several the first by name.",
    },
    Variable {
        name: "objects",
        kind: Type::List(&Type::Any),
        meaning: "The objects that the selector selects, by name, the first 200; for endpoints their EndpointSlices.",
    },
];

/// What a condition of this type may name; nothing for types that have no attempts.
pub fn variables(check: CheckType) -> Vec<Variable> {
    match check {
        CheckType::Push | CheckType::Group => Vec::new(),
        CheckType::Kubernetes => OBJECTS.to_vec(),
        CheckType::Http | CheckType::Keyword | CheckType::JsonQuery => [HTTP, COMMON].concat(),
        CheckType::Ping => [PING, COMMON].concat(),
        CheckType::Dns => [DNS, COMMON].concat(),
        CheckType::Steam => [STEAM, COMMON].concat(),
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
