//! Secret values that can be told apart and found again, in every encoding in which they may
//! come out.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use crate::kit::Home;

/// The only Secret of the installation.
pub(crate) const SECRET: &str = "canary";

/// A value that nobody but its owner may see.
pub(crate) struct Planted {
    /// The object that uses it.
    pub(crate) owner: String,
    /// What is looked for: the part of the value that no encoding of URLs changes.
    pub(crate) core: String,
    value: String,
    key: String,
}

impl Planted {
    /// How the value looks wherever it may come out.
    fn looks(&self) -> Vec<String> {
        let core = self.core.as_bytes();
        let mut looks = vec![self.core.clone(), hex(core)];
        // Base64 of a longer text holds one of three pictures of the part, by where it begins.
        for offset in 0..3 {
            let padded = [&vec![b'.'; offset], core].concat();
            for encoded in
                [BASE64_STANDARD_NO_PAD.encode(&padded), BASE64_URL_SAFE_NO_PAD.encode(&padded)]
            {
                looks.push(encoded[(offset * 4).div_ceil(3)..encoded.len() - 2].to_owned());
            }
        }
        looks
    }

    /// In which form a text shows it.
    pub(crate) fn shown_in<'a>(&self, text: &'a str) -> Option<&'a str> {
        let at = self.looks().iter().find_map(|look| text.find(look.as_str()))?;
        let from = (0..=at.saturating_sub(120)).rev().find(|at| text.is_char_boundary(*at))?;
        let to = (at + 60..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        Some(&text[from..to])
    }
}

/// Everything planted.
#[derive(Default)]
pub(crate) struct Garden(pub(crate) Vec<Planted>);

impl Garden {
    /// Plants a value and says where it is, as a `…SecretRef` does. Its end is of the kind that
    /// encodings change.
    pub(crate) fn at(&mut self, owner: &str, what: &str) -> Value {
        self.with(owner, what, |core| format!("{core}+/9 %&w"))
    }

    /// The same for a value that has to be a token of letters, digits and hyphens.
    pub(crate) fn token(&mut self, owner: &str, what: &str) -> Value {
        self.with(owner, what, str::to_owned)
    }

    /// The same within a longer value.
    pub(crate) fn with(
        &mut self,
        owner: &str,
        what: &str,
        value: impl FnOnce(&str) -> String,
    ) -> Value {
        let key = format!("{owner}-{what}");
        let core = format!("cny-{key}-zq{}", self.0.len());
        self.0.push(Planted {
            owner: owner.to_owned(),
            value: value(&core),
            core,
            key: key.clone(),
        });
        json!({ "name": SECRET, "key": key })
    }

    /// A value as an inline reference.
    pub(crate) fn inline(&mut self, owner: &str, what: &str) -> String {
        let at = self.token(owner, what);
        format!("${{SECRET:{SECRET}:{}}}", at["key"].as_str().unwrap())
    }

    /// Something that is secret without being a Secret's value.
    pub(crate) fn note(&mut self, owner: &str, core: &str) {
        let (owner, core) = (owner.to_owned(), core.to_owned());
        self.0.push(Planted { owner, value: core.clone(), core, key: String::new() });
    }

    /// Puts the values where Secrets come from: by turns into a document, into files, into the
    /// environment. Returns the document and the variables.
    pub(crate) fn sow(&self, home: &Home) -> (Value, Vec<(String, String)>) {
        let mut document = Map::new();
        let mut variables = Vec::new();
        for (turn, it) in self.0.iter().filter(|it| !it.key.is_empty()).enumerate() {
            match turn % 3 {
                0 => drop(document.insert(it.key.clone(), Value::from(it.value.as_str()))),
                1 => home.put(&format!("secrets/{SECRET}/{}", it.key), &it.value),
                _ => {
                    let name: String =
                        format!("KUBEKUMA_SECRET_{SECRET}_{}", it.key)
                            .chars()
                            .map(|c| {
                                if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }
                            })
                            .collect();
                    variables.push((name, it.value.clone()));
                }
            }
        }
        (crate::kit::documents::secret(SECRET, document.into()), variables)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn a_value_is_found_in_every_encoding() {
    let mut garden = Garden::default();
    garden.at("web", "password");
    let it = &garden.0[0];
    for text in [
        it.value.clone(),
        format!("token={}", url_encoded(&it.value)),
        BASE64_STANDARD_NO_PAD.encode(&it.value),
        BASE64_STANDARD_NO_PAD.encode(format!("u:{}", it.value)),
        BASE64_STANDARD_NO_PAD.encode(format!("me:{}", it.value)),
        BASE64_URL_SAFE_NO_PAD.encode(format!("user:{}", it.value)),
    ] {
        assert!(it.shown_in(&format!("before {text} after")).is_some(), "{text}");
    }
    assert!(it.shown_in("canary web-password").is_none(), "its name is no secret");
}

fn url_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
