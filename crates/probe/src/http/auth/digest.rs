//! Digest authentication (RFC 7616): MD5, SHA-256 and SHA-512/256, each also as `-sess`, with
//! `qop=auth` or, as RFC 2069 had it, without.

use ::http::header::WWW_AUTHENTICATE;
use ::http::{HeaderMap, HeaderValue};
use aws_lc_rs::digest;
use md5::Digest as _;

use super::challenge::{self, Challenge};

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    Md5,
    Sha256,
    Sha512Part,
}

impl Hash {
    fn hex(self, text: &[u8]) -> String {
        let bytes = match self {
            Self::Md5 => md5::Md5::digest(text).to_vec(),
            Self::Sha256 => digest::digest(&digest::SHA256, text).as_ref().to_vec(),
            Self::Sha512Part => digest::digest(&digest::SHA512_256, text).as_ref().to_vec(),
        };
        hex(&bytes)
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A challenge that we can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Demand {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    hash: Hash,
    session: bool,
    /// The algorithm as the server wrote it, if it did.
    algorithm: Option<String>,
    qop: bool,
    hashed_name: bool,
    /// Our last answer was right but used a nonce that is too old.
    pub(super) stale: bool,
}

/// What is asked with a request.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    /// Path and query.
    pub(super) target: &'a str,
    pub(super) username: &'a str,
    pub(super) password: &'a str,
}

impl Demand {
    /// The strongest Digest challenge of an answer that we understand.
    pub(super) fn strongest(headers: &HeaderMap) -> Option<Self> {
        headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .flat_map(|value| challenge::parse(&String::from_utf8_lossy(value.as_bytes())))
            .filter_map(|challenge| Self::read(&challenge))
            .max_by_key(|demand| demand.hash)
    }

    fn read(challenge: &Challenge) -> Option<Self> {
        if challenge.scheme != "digest" {
            return None;
        }
        let get = |name: &str| challenge.parameter(name).map(str::to_owned);
        let algorithm = get("algorithm");
        let written = algorithm.as_deref().unwrap_or("MD5").to_ascii_uppercase();
        let session = written.ends_with("-SESS");
        let hash = match written.trim_end_matches("-SESS") {
            "MD5" => Hash::Md5,
            "SHA-256" => Hash::Sha256,
            "SHA-512-256" => Hash::Sha512Part,
            _ => return None,
        };
        let qop = match get("qop") {
            None => false,
            Some(list) => {
                if !list.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth")) {
                    return None;
                }
                true
            }
        };
        let is_true = |text: Option<String>| text.is_some_and(|it| it.eq_ignore_ascii_case("true"));
        Some(Self {
            realm: get("realm")?,
            nonce: get("nonce")?,
            opaque: get("opaque"),
            hash,
            session,
            algorithm,
            qop,
            hashed_name: is_true(get("userhash")),
            stale: is_true(get("stale")),
        })
    }

    /// The `Authorization` header; none when what the server sent cannot stand in one.
    pub(super) fn answer(&self, asked: &Asked<'_>, cnonce: &[u8]) -> Option<HeaderValue> {
        self.answer_with(asked, &hex(cnonce))
    }

    fn answer_with(&self, asked: &Asked<'_>, cnonce: &str) -> Option<HeaderValue> {
        let hash = |text: String| self.hash.hex(text.as_bytes());
        let Self { realm, nonce, .. } = self;
        let mut secret = hash(format!("{}:{realm}:{}", asked.username, asked.password));
        if self.session {
            secret = hash(format!("{secret}:{nonce}:{cnonce}"));
        }
        let request = hash(format!("{}:{}", asked.method, asked.target));
        let response = hash(if self.qop {
            format!("{secret}:{nonce}:00000001:{cnonce}:auth:{request}")
        } else {
            format!("{secret}:{nonce}:{request}")
        });
        let username = if self.hashed_name {
            hash(format!("{}:{realm}", asked.username))
        } else {
            asked.username.to_owned()
        };
        let mut text = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
            quoted(&username),
            quoted(realm),
            quoted(nonce),
            quoted(asked.target)
        );
        let mut add = |part: String| text.push_str(&part);
        if let Some(algorithm) = &self.algorithm {
            add(format!(", algorithm={algorithm}"));
        }
        if self.qop {
            add(format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\""));
        } else if self.session {
            add(format!(", cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &self.opaque {
            add(format!(", opaque={}", quoted(opaque)));
        }
        if self.hashed_name {
            add(", userhash=true".to_owned());
        }
        let mut header = HeaderValue::from_bytes(text.as_bytes()).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

/// RFC 9110, section 5.6.4.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MUFASA: Asked<'static> = Asked {
        method: "GET",
        target: "/dir/index.html",
        username: "Mufasa",
        password: "Circle of Life",
    };

    fn demand(header: &str) -> Option<Demand> {
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_str(header).unwrap());
        Demand::strongest(&headers)
    }

    fn answer(header: &str, asked: &Asked<'_>, cnonce: &str) -> String {
        let answer = demand(header).unwrap().answer_with(asked, cnonce).unwrap();
        assert!(answer.is_sensitive());
        String::from_utf8(answer.as_bytes().to_vec()).unwrap()
    }

    /// RFC 7616, section 3.9.1.
    #[test]
    fn the_examples_of_the_standard_come_out() {
        let offer = |algorithm: &str| {
            format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            )
        };
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let sha = answer(&offer("SHA-256"), &MUFASA, cnonce);
        let response = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
        assert!(sha.contains(&format!("response=\"{response}\"")), "{sha}");
        assert!(sha.contains("algorithm=SHA-256, qop=auth, nc=00000001"), "{sha}");
        let md5 = answer(&offer("MD5"), &MUFASA, cnonce);
        assert!(md5.contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""), "{md5}");
    }

    /// RFC 7616, section 3.9.2: another hash, and a user name that is itself hashed.
    #[test]
    fn hashed_names_are_sent_hashed() {
        let sent = answer(
            "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, \
             nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", \
             opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, userhash=true",
            &Asked {
                method: "GET",
                target: "/doe.json",
                username: "J\u{e4}s\u{f8}n Doe",
                password: "Secret, or not?",
            },
            "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm",
        );
        assert!(sent.contains("userhash=true"), "{sent}");
        assert!(!sent.contains("Doe\""), "{sent}");
    }

    /// RFC 2617, section 3.5, and the same without qop, as RFC 2069 had it.
    #[test]
    fn sessions_and_old_servers_are_answered() {
        let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
        let with = |rest: &str| {
            let header = format!("Digest realm=\"testrealm@host.com\", nonce=\"{nonce}\"{rest}");
            let asked = Asked { password: "Circle Of Life", ..MUFASA };
            answer(&header, &asked, "0a4f113b")
        };
        let sent = with(", qop=\"auth,auth-int\"");
        assert!(sent.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{sent}");
        let sent = with("");
        assert!(sent.contains("response=\"670fd8c2df070c60b045671b8b24ff02\""), "{sent}");
        assert!(!sent.contains("cnonce"), "{sent}");
        let session = with(", qop=auth, algorithm=MD5-sess");
        assert!(session.contains("algorithm=MD5-sess"), "{session}");
        assert!(!session.contains("6629fae49393a05397450978507c4ef1"), "{session}");
    }

    #[test]
    fn the_strongest_that_we_know_is_chosen() {
        let mut headers = HeaderMap::new();
        for value in [
            "Basic realm=\"x\", Digest realm=a, nonce=b, algorithm=MD5",
            "Digest realm=a, nonce=c, algorithm=SHA-256, qop=\"auth\"",
            "Digest realm=a, nonce=d, algorithm=WHIRLPOOL",
            "Digest realm=a, nonce=e, algorithm=SHA-512-256, qop=\"auth-int\"",
        ] {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(value));
        }
        assert_eq!(Demand::strongest(&headers).unwrap().nonce, "c");
        assert_eq!(demand("Digest realm=a, algorithm=MD5"), None);
        assert_eq!(demand("Basic realm=a"), None);
        assert!(demand("Digest realm=a, nonce=b, stale=TRUE").unwrap().stale);
    }

    #[test]
    fn what_a_server_sends_cannot_break_out_of_the_header() {
        let sent = answer("Digest realm=\"a\\\", evil=\\\"b\", nonce=\"n\\\\\"", &MUFASA, "c");
        assert!(sent.contains("realm=\"a\\\", evil=\\\"b\""), "{sent}");
        let mut broken = demand("Digest realm=a, nonce=b").unwrap();
        broken.nonce = "a\r\nX: y".into();
        assert!(broken.answer_with(&MUFASA, "c").is_none());
    }
}
