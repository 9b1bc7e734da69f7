//! Cookies from one answer to the next request of the same attempt (RFC 6265): what sends people
//! to a login page and back sets one on the way. Nothing is kept after the attempt.

use ::http::header::SET_COOKIE;
use ::http::{HeaderMap, HeaderValue};
use cookie_store::{CookieStore, RawCookie};
use url::Url;

/// Most cookies taken from one answer.
const MAX_COOKIES: usize = 50;
/// Longest cookie taken, in bytes (RFC 6265, section 6.1).
const MAX_COOKIE_BYTES: usize = 4096;
/// Most bytes of cookies sent.
const MAX_SENT_BYTES: usize = 8192;

/// The cookies of an attempt. Without any, which is usual, it is a null pointer.
#[derive(Default)]
pub(super) struct Jar(Option<Box<CookieStore>>);

impl Jar {
    /// Takes the cookies of an answer from `url`, as far as they are that site's to set.
    pub(super) fn take(&mut self, headers: &HeaderMap, url: &Url) {
        let cookies = headers
            .get_all(SET_COOKIE)
            .iter()
            .filter(|value| value.len() <= MAX_COOKIE_BYTES)
            .filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
            .filter_map(|text| RawCookie::parse(text.to_owned()).ok())
            // Whoever is on the way could have set it.
            .filter(|cookie| url.scheme() == "https" || cookie.secure() != Some(true))
            .take(MAX_COOKIES);
        let mut cookies = cookies.peekable();
        if cookies.peek().is_some() {
            self.0.get_or_insert_default().store_response_cookies(cookies, url);
        }
    }

    /// The `Cookie` header for a request to `url`, after what the check itself sends.
    pub(super) fn header(&self, own: Option<&HeaderValue>, url: &Url) -> Option<HeaderValue> {
        let store = self.0.as_ref()?;
        let mut text = own.map_or_else(Vec::new, |own| own.as_bytes().to_vec());
        for (name, value) in store.get_request_values(url) {
            if text.len() + name.len() + value.len() + 3 > MAX_SENT_BYTES {
                break;
            }
            if !text.is_empty() {
                text.extend_from_slice(b"; ");
            }
            text.extend_from_slice(name.as_bytes());
            text.push(b'=');
            text.extend_from_slice(value.as_bytes());
        }
        if text.is_empty() {
            return None;
        }
        let mut header = HeaderValue::from_bytes(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(from: &str, cookies: &[&str]) -> Jar {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(SET_COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        let mut jar = Jar::default();
        jar.take(&headers, &Url::parse(from).unwrap());
        jar
    }

    fn sent(jar: &Jar, to: &str) -> Option<String> {
        let header = jar.header(None, &Url::parse(to).unwrap())?;
        let mut cookies: Vec<_> = header.to_str().unwrap().split("; ").map(str::to_owned).collect();
        cookies.sort();
        Some(cookies.join("; "))
    }

    #[test]
    fn cookies_go_where_they_belong() {
        let jar = jar(
            "https://login.example.com/a/b",
            &[
                "host=1",
                "site=2; Domain=example.com; Path=/",
                "safe=3; Secure; Path=/",
                "deep=4; Path=/a",
                "foreign=5; Domain=other.com",
                "gone=6; Max-Age=0",
                "old=7; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            ],
        );
        let to = |url| sent(&jar, url);
        let all = "deep=4; host=1; safe=3; site=2";
        assert_eq!(to("https://login.example.com/a/c").as_deref(), Some(all));
        assert_eq!(to("https://login.example.com/").as_deref(), Some("safe=3; site=2"));
        assert_eq!(to("http://login.example.com/").as_deref(), Some("site=2"));
        assert_eq!(to("https://www.example.com/").as_deref(), Some("site=2"));
        assert_eq!(to("https://example.com.evil.org/"), None);
        assert_eq!(to("https://notexample.com/"), None);
        assert_eq!(to("https://other.com/"), None);
    }

    #[test]
    fn an_insecure_page_cannot_set_a_secure_cookie() {
        assert_eq!(sent(&jar("http://a.example/", &["a=1; Secure"]), "https://a.example/"), None);
    }

    #[test]
    fn what_the_check_sends_itself_comes_first() {
        let jar = jar("https://a.example/", &["b=2"]);
        let own = HeaderValue::from_static("a=1");
        let header = jar.header(Some(&own), &Url::parse("https://a.example/").unwrap()).unwrap();
        assert_eq!(header, "a=1; b=2");
        assert!(header.is_sensitive());
    }

    #[test]
    fn a_flood_of_cookies_is_cut() {
        let many: Vec<String> = (0..200).map(|n| format!("c{n}={}", "x".repeat(1000))).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let jar = jar("https://a.example/", &many);
        let header = jar.header(None, &Url::parse("https://a.example/").unwrap()).unwrap();
        assert!(header.len() <= MAX_SENT_BYTES, "{}", header.len());
    }
}
