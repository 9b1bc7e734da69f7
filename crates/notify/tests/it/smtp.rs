//! Mail through a real server: the contract, threads, TLS, sign-in, refusals.

use std::net::SocketAddr;
use std::time::Duration;

use kuma_core::event::EventKind;
use kuma_core::provider::{Provider, ProviderConfig, SmtpConfig, SmtpSecurity};
use kuma_notify::{DeliveryError, DeliveryReason, Transports};
use serde_json::{Value, json};

use crate::contract::{self, Arrived, Fixture, Trouble, attempt, rendered};
use crate::kit::{CANARY, MapSecrets, event, key, message, provider, text, until};
use crate::smtp_server::{SmtpServer, plain};

/// A provider with a real server.
pub(crate) struct Mail {
    pub(crate) server: SmtpServer,
    secrets: MapSecrets,
    pub(crate) config: SmtpConfig,
    roots: Vec<Vec<u8>>,
}

impl Mail {
    pub(crate) async fn start(options: Value) -> Self {
        let server = SmtpServer::start(options).await;
        let secrets = MapSecrets::default();
        secrets.set("shop", "mail", "user", "kuma");
        secrets.set("shop", "mail", "password", CANARY);
        let config = SmtpConfig {
            host: "localhost".into(),
            port: server.port,
            security: SmtpSecurity::None,
            credentials: None,
            from: "KubeKuma <kuma@shop.example>".into(),
            to: vec!["Ops <ops@shop.example>".into()],
            cc: vec!["boss@shop.example".into()],
            reply_to: Some("help@shop.example".into()),
        };
        Self { server, secrets, config, roots: Vec::new() }
    }

    async fn signing_in(password: &str) -> Self {
        let options = json!({"mode": "none", "user": "kuma", "password": password});
        let mut mail = Self::start(options).await;
        mail.config.credentials =
            Some((text("${SECRET:mail:user}"), text("${SECRET:mail:password}")));
        mail
    }

    pub(crate) async fn secured(security: SmtpSecurity) -> (Self, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&cert, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let mode = if security == SmtpSecurity::Tls { "tls" } else { "starttls" };
        let mut options = json!({"mode": mode, "cert": cert, "key": key});
        options["user"] = "kuma".into();
        options["password"] = CANARY.into();
        let mut mail = Self::start(options).await;
        mail.config.security = security;
        mail.config.credentials =
            Some((text("${SECRET:mail:user}"), text("${SECRET:mail:password}")));
        mail.roots = vec![made.cert.pem().into_bytes()];
        (mail, folder)
    }

    pub(crate) async fn send(&self, seed: &str, kind: EventKind) -> Result<String, DeliveryError> {
        let message = message(seed, &event(kind));
        let payload = rendered(self, &message);
        attempt(self, &self.provider(), &payload, &message.key, false)
            .await
            .map(|receipt| receipt.answer)
    }

    async fn mail(&self, number: usize) -> Value {
        until("the mail is shown", || self.server.mails().len() > number).await;
        self.server.mails()[number].clone()
    }
}

impl Fixture for Mail {
    fn provider(&self) -> Provider {
        provider("mail", ProviderConfig::Smtp(self.config.clone()))
    }

    fn transports(&self) -> Transports {
        let mut transports = Transports::with_timeout(Duration::from_secs(3));
        transports.extra_roots_pem.clone_from(&self.roots);
        transports
    }

    fn secrets(&self) -> &MapSecrets {
        &self.secrets
    }

    fn elsewhere(&self, address: SocketAddr) -> Provider {
        let mut config = self.config.clone();
        config.host = address.ip().to_string();
        config.port = address.port();
        provider("mail", ProviderConfig::Smtp(config))
    }

    fn script(&self, trouble: Trouble) -> bool {
        let order = match trouble {
            Trouble::Later(None) => json!({"data": format!("450 4.2.0 busy {CANARY}")}),
            Trouble::Rejected => json!({"data": format!("554 5.7.1 spam {CANARY}")}),
            Trouble::Unauthorized => json!({"data": "530 5.7.0 sign in first"}),
            // Mail servers know no Retry-After and no 429.
            Trouble::Later(Some(_)) | Trouble::Throttled(_) => return false,
        };
        // With several recipients a refusal is tried once more for each of them.
        let refused = if trouble == Trouble::Later(None) { 1 } else { 3 };
        for _ in 0..refused {
            self.server.order(&order);
        }
        true
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.server
            .mails()
            .iter()
            .map(|mail| Arrived {
                key: mail["headers"]["x-kubekuma-key"].as_str().unwrap().into(),
                text: format!(
                    "{}\n{}",
                    mail["headers"]["subject"].as_str().unwrap(),
                    mail["text"].as_str().unwrap().replace("\r\n", "\n")
                ),
                raw: mail["raw"].as_str().unwrap().into(),
            })
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds() {
    contract::holds(&Mail::signing_in(CANARY).await).await;
}

#[tokio::test]
async fn it_is_verified_without_a_message() {
    let mail = Mail::signing_in(CANARY).await;
    contract::verifies(&mail, Some(DeliveryReason::Unauthorized)).await;
    assert!(mail.server.mails().is_empty());
}

/// Any server with TLS will do where nothing is said but the handshake.
#[tokio::test]
async fn a_connection_is_verified_with_its_tls() {
    let (mail, _folder) = Mail::secured(SmtpSecurity::Tls).await;
    let hook = crate::bench::hook("hook", &format!("https://localhost:{}/", mail.config.port));
    let error = contract::verify(&mail, &hook).await.unwrap_err();
    assert_eq!(error.reason(), DeliveryReason::Tls, "{error}");
    contract::verify(&mail, &mail.provider()).await.unwrap();
}

#[tokio::test]
async fn a_mail_has_text_and_html_and_says_that_it_is_automatic() {
    let mail = Mail::start(plain()).await;
    mail.send("parts", EventKind::Down).await.unwrap();
    let received = mail.mail(0).await;
    assert_eq!(received["defects"], json!([]));
    assert_eq!(received["from"], "kuma@shop.example");
    assert_eq!(received["to"], json!(["ops@shop.example", "boss@shop.example"]));
    let headers = &received["headers"];
    assert_eq!(headers["subject"], "DOWN: shop/api (TIMEOUT)");
    assert_eq!(headers["to"], "Ops <ops@shop.example>");
    assert_eq!(headers["cc"], "boss@shop.example");
    assert_eq!(headers["reply-to"], "help@shop.example");
    assert_eq!(headers["auto-submitted"], "auto-generated");
    assert_eq!(headers["message-id"], format!("<{}@shop.example>", key("parts")));
    assert_eq!(headers["date"], "Tue, 14 Nov 2023 22:13:25 +0000");
    insta::assert_snapshot!("mail_text", received["text"].as_str().unwrap().replace("\r\n", "\n"));
    insta::assert_snapshot!("mail_html", received["html"].as_str().unwrap().replace("\r\n", "\n"));
}

#[tokio::test]
async fn the_mails_of_an_incident_are_one_thread() {
    let mail = Mail::start(plain()).await;
    mail.send("first", EventKind::Down).await.unwrap();
    mail.send("second", EventKind::Up).await.unwrap();
    let (down, up) = (mail.mail(0).await, mail.mail(1).await);
    let root = "<incident-7340035.kubekuma@shop.example>";
    for received in [&down, &up] {
        assert_eq!(received["headers"]["references"], root);
        assert_eq!(received["headers"]["in-reply-to"], root);
    }
    assert_ne!(down["headers"]["message-id"], up["headers"]["message-id"]);
}

#[tokio::test]
async fn html_is_escaped() {
    let mail = Mail::start(plain()).await;
    let mut event = event(EventKind::Down);
    event.message = Some("<script>alert(1)</script>".into());
    let message = message("html", &event);
    let payload = rendered(&mail, &message);
    attempt(&mail, &mail.provider(), &payload, &message.key, false).await.unwrap();
    let received = mail.mail(0).await;
    let html = received["html"].as_str().unwrap();
    assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
    assert!(!html.contains("<script"), "{html}");
}

#[tokio::test]
async fn starttls_and_tls_protect_the_way() {
    for security in [SmtpSecurity::Starttls, SmtpSecurity::Tls] {
        let (mail, _folder) = Mail::secured(security).await;
        mail.send("tls", EventKind::Down).await.unwrap();
        let received = mail.mail(0).await;
        assert!(received["tls"] == true || security == SmtpSecurity::Tls, "{received}");
        assert_eq!(received["user"], "kuma");
    }
}

#[tokio::test]
async fn an_untrusted_certificate_is_not_accepted() {
    let (mut mail, _folder) = Mail::secured(SmtpSecurity::Starttls).await;
    mail.roots.clear();
    let error = mail.send("untrusted", EventKind::Down).await.unwrap_err();
    assert_eq!(error.reason(), DeliveryReason::Tls, "{error}");
    assert!(mail.server.mails().is_empty());
}

#[tokio::test]
async fn starttls_is_never_skipped() {
    let mut mail = Mail::start(plain()).await;
    mail.config.security = SmtpSecurity::Starttls;
    let error = mail.send("stripped", EventKind::Down).await.unwrap_err();
    assert_eq!(error.reason(), DeliveryReason::Misconfigured, "{error}");
    assert!(mail.server.mails().is_empty());
}

#[tokio::test]
async fn a_password_signs_in_and_a_wrong_one_is_permanent() {
    let mail = Mail::signing_in(CANARY).await;
    mail.send("right", EventKind::Down).await.unwrap();
    assert_eq!(mail.mail(0).await["user"], "kuma");
    let mail = Mail::signing_in("another").await;
    let error = mail.send("wrong", EventKind::Down).await.unwrap_err();
    assert_eq!((error.is_retryable(), error.reason()), (false, DeliveryReason::Unauthorized));
    assert!(!error.to_string().contains(CANARY), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recipient_that_is_refused_for_now_is_tried_again_later() {
    let mail = Mail::start(plain()).await;
    mail.server.order(&json!({"rcpt": "450 4.2.1 mailbox busy"}));
    let error = mail.send("busy", EventKind::Down).await.unwrap_err();
    assert_eq!((error.is_retryable(), error.reason()), (true, DeliveryReason::ServerError));
    assert!(error.to_string().contains("mailbox busy"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_wrong_address_does_not_keep_the_others_uninformed() {
    let mail = Mail::start(plain()).await;
    mail.server.order(&json!({"reject": "ops@shop.example"}));
    let answer = mail.send("partly", EventKind::Down).await.unwrap();
    assert!(answer.contains("refused for ops@shop.example"), "{answer}");
    assert_eq!(mail.mail(0).await["to"], json!(["boss@shop.example"]));
    mail.server.order(&json!({"reject": "boss@shop.example"}));
    let error = mail.send("nobody", EventKind::Down).await.unwrap_err();
    assert_eq!((error.is_retryable(), error.reason()), (false, DeliveryReason::Rejected));
}
