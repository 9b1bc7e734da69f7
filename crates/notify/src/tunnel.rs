//! What failed at the proxy that the environment names (`HTTPS_PROXY`), in one plain sentence.

/// The sentence, where the client library's words tell of a tunnel; it says so in words only.
pub(crate) fn in_words(detail: &str) -> Option<String> {
    let (_, told) = detail.split_once("tunnel error: ")?;
    let (what, cause) = told.split_once(": ").unwrap_or((told, ""));
    let cause = cause.strip_prefix("tcp connect error: ").unwrap_or(cause);
    let sentence = match what {
        "proxy authorization required" => {
            "the proxy does not accept our user name and password, or wants some"
        }
        "unsuccessful" => "the proxy refuses to connect to the receiver, or cannot",
        "unexpected end of file" => "the proxy closed the connection instead of opening a tunnel",
        "proxy response headers too long" => "the proxy's answer is too large",
        "failed to create underlying connection" => "the proxy cannot be reached",
        "io error establishing tunnel" => "the connection to the proxy broke",
        _ => return Some(format!("the proxy opened no tunnel: {told}")),
    };
    Some(if cause.is_empty() { sentence.to_owned() } else { format!("{sentence}: {cause}") })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::cause;

    /// What is said of a proxy that answers CONNECT like this.
    async fn said(answer: Option<&'static str>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = tokio::spawn(async move {
            let Some(answer) = answer else { return };
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        });
        if answer.is_none() {
            proxy.await.unwrap();
        }
        let through = reqwest::Proxy::all(format!("http://{address}")).unwrap();
        let client = reqwest::Client::builder().proxy(through).build().unwrap();
        let error = client.get("https://receiver.example/").send().await.unwrap_err();
        in_words(&cause::in_words(&error.without_url())).expect("it tells of a tunnel")
    }

    #[tokio::test]
    async fn a_failed_tunnel_is_told_in_one_sentence() {
        for (answer, sentence) in [
            (
                "HTTP/1.1 407 Who\r\n\r\n",
                "the proxy does not accept our user name and password, or wants some",
            ),
            ("HTTP/1.1 502 No\r\n\r\n", "the proxy refuses to connect to the receiver, or cannot"),
            ("", "the proxy closed the connection instead of opening a tunnel"),
        ] {
            assert_eq!(said(Some(answer)).await, sentence);
        }
        let away = said(None).await;
        assert!(away.starts_with("the proxy cannot be reached: "), "{away}");
        assert!(away.to_lowercase().contains("refused"), "{away}");
        assert_eq!(in_words("connection refused"), None);
    }
}
