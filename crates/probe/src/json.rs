//! JSON from strangers: read within bounds of depth and of how many values there are, because a
//! value takes many times the memory of the two bytes it is written with.

use kuma_core::reason::Reason;
use serde_json::Value;

use crate::fault::Fault;

/// Most values that are read. A body of the default `maxBodyBytes` cannot hold more.
const MAX_VALUES: usize = 1 << 19;

/// Reads a body. The parser refuses more than 128 levels of nesting.
pub(crate) fn parse(body: &[u8]) -> Result<Value, Fault> {
    let invalid = |why: String| Fault::target(Reason::JsonInvalid, why);
    // Every value but the first comes after one of these; within texts they count too.
    let values = body.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{' | b':')).count();
    if values > MAX_VALUES {
        return Err(invalid(format!("the body has more than {MAX_VALUES} JSON values")));
    }
    serde_json::from_slice(without_mark(body))
        .map_err(|error| invalid(format!("the body is not JSON: {error}")))
}

/// Without the byte order mark that some servers send.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

#[cfg(test)]
mod tests {
    use kuma_core::observation::Outcome;

    use super::*;

    #[test]
    fn depth_and_number_are_bounded() {
        let refused = |body: Vec<u8>| parse(&body).unwrap_err();
        let deep = refused(b"[".repeat(100_000));
        assert_eq!(deep.outcome, Outcome::Failure(Reason::JsonInvalid));
        assert!(deep.message.contains("recursion limit"), "{}", deep.message);
        let many = refused([b"[".to_vec(), b"0,".repeat(MAX_VALUES), b"0]".to_vec()].concat());
        assert!(many.message.contains("more than 524288"), "{}", many.message);
        assert!(parse(b"\xef\xbb\xbf{\"a\":[1]}").is_ok());
    }
}
