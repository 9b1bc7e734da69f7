//! Apprise: the contract through the real program, which posts to a server of ours, and through a
//! server that refuses what an Apprise API server refuses.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use kuma_core::event::EventKind;
use kuma_core::provider::{AppriseConfig, Provider, ProviderConfig};
use kuma_fixture::vendor::apprise::{json_service, vendor};
use kuma_notify::{DeliveryError, DeliveryReason, Transports};

use crate::contract::{self, Arrived, Fixture, Trouble, attempt, rendered};
use crate::http_server::{HttpServer, Reaction};
use crate::kit::{CANARY, MapSecrets, event, message, provider, text, until};
use crate::stub::{Kind, Stub, later};

/// The real program and the server that its `json://` service posts to.
struct Program {
    server: HttpServer,
    secrets: MapSecrets,
    program: PathBuf,
    limit: Duration,
}

impl Program {
    async fn start() -> Self {
        let server = HttpServer::start(json_service).await;
        let secrets = MapSecrets::default();
        let url = format!("json://{}/hook/{CANARY}", server.address);
        secrets.set("shop", "apprise", "urls", &url);
        let program = kuma_fixture::mail::python().with_file_name("apprise");
        assert!(program.exists(), "{} is missing: run `cargo xtask test`", program.display());
        Self { server, secrets, program, limit: Duration::from_secs(60) }
    }

    /// A program of ours in its place.
    async fn instead(script: &str) -> (Self, tempfile::TempDir) {
        let mut apprise = Self::start().await;
        let folder = tempfile::tempdir().unwrap();
        apprise.program = folder.path().join("apprise");
        std::fs::write(&apprise.program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&apprise.program, PermissionsExt::from_mode(0o755)).unwrap();
        (apprise, folder)
    }

    async fn sends(&self) -> Result<String, DeliveryError> {
        let message = message("sends", &event(EventKind::Down));
        let payload = rendered(self, &message);
        let sent = attempt(self, &self.provider(), &payload, &message.key, false).await;
        sent.map(|receipt| receipt.answer)
    }
}

fn at(urls: &str) -> Provider {
    let config = AppriseConfig { urls: vec![text(urls)], api_url: None };
    provider("apprise", ProviderConfig::Apprise(config))
}

impl Fixture for Program {
    fn provider(&self) -> Provider {
        at("${SECRET:apprise:urls}")
    }

    fn transports(&self) -> Transports {
        let mut transports = Transports::with_timeout(self.limit);
        transports.apprise = Some(self.program.clone());
        transports
    }

    fn secrets(&self) -> &MapSecrets {
        &self.secrets
    }

    fn elsewhere(&self, address: SocketAddr) -> Provider {
        self.secrets.set(
            "shop",
            "apprise",
            "elsewhere",
            &format!("json://{address}/hook/{CANARY}"),
        );
        at("${SECRET:apprise:elsewhere}")
    }

    fn script(&self, trouble: Trouble) -> bool {
        let known = trouble == Trouble::Later(None);
        if known {
            self.server.next(Reaction::Answer(503, Vec::new(), CANARY.into()));
        }
        known
    }

    fn carries_key(&self) -> bool {
        false
    }

    fn tells_network_trouble(&self) -> bool {
        false
    }

    fn arrived(&self) -> Vec<Arrived> {
        let read = |request: &crate::http_server::Received| {
            let body = request.json();
            let text = |name: &str| body[name].as_str().unwrap().to_owned();
            Arrived {
                key: String::new(),
                text: format!("{}\n{}", text("title"), text("message")),
                raw: request.body.clone(),
            }
        };
        self.server.received().iter().map(read).collect()
    }
}

#[tokio::test]
async fn the_contract_holds_through_the_program() {
    contract::holds(&Program::start().await).await;
}

#[tokio::test]
async fn the_program_s_exit_codes_are_told_apart() {
    let apprise = Program::start().await;
    let good = format!("json://{}/hook/{CANARY}", apprise.server.address);
    let urls =
        |more: &str| apprise.secrets.set("shop", "apprise", "urls", &format!("{good}\n{more}"));
    urls(&format!("json://{}/no/{CANARY}", apprise.server.address));
    assert_eq!(apprise.sends().await.unwrap(), "apprise told some of the services");
    assert_eq!(apprise.server.received().len(), 2);

    apprise.secrets.set("shop", "apprise", "urls", &format!("nosuch://{CANARY}/x"));
    let error = apprise.sends().await.unwrap_err();
    assert_eq!(
        (error.is_retryable(), error.reason()),
        (false, DeliveryReason::Misconfigured),
        "{error}"
    );
    assert!(!error.to_string().contains(CANARY), "{error}");
}

#[tokio::test]
async fn nothing_secret_is_in_the_arguments_and_nothing_else_of_ours_in_the_environment() {
    let (apprise, folder) = Program::instead(
        "d=$(dirname \"$0\"); printf '%s\\n' \"$@\" >\"$d/arguments\"; env >\"$d/environment\"; cat >\"$d/text\"",
    )
    .await;
    apprise.sends().await.unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(
        read("arguments"),
        "--title=DOWN: shop/api (TIMEOUT)\n--notification-type=failure\n--input-format=text\n"
    );
    let environment = read("environment");
    assert!(environment.contains(&format!("/hook/{CANARY}")), "{environment}");
    assert!(!environment.contains("CARGO"), "{environment}");
    assert!(read("text").starts_with("shop/api is down since"));
}

#[tokio::test]
async fn a_program_that_hangs_is_ended_with_what_it_started() {
    let (mut apprise, folder) =
        Program::instead("sleep 600 & echo $! >\"$(dirname \"$0\")/child\"; wait").await;
    apprise.limit = Duration::from_secs(2);
    let error = apprise.sends().await.unwrap_err();
    assert_eq!((error.is_retryable(), error.reason()), (true, DeliveryReason::Timeout), "{error}");
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
    let state =
        || std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
    until("the program's child is gone", || state().is_empty() || state().contains(" Z ")).await;
}

#[tokio::test]
async fn endless_output_is_read_to_a_limit() {
    let (apprise, _folder) = Program::instead("yes 'no such luck' | head -c 5000000; exit 7").await;
    let error = apprise.sends().await.unwrap_err();
    assert_eq!(error.reason(), DeliveryReason::ServerError);
    let shown = error.to_string();
    assert!(shown.contains("exit code 7") && shown.len() < 600, "{shown}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_said_so() {
    let mut apprise = Program::start().await;
    apprise.program = "/nowhere/apprise".into();
    let error = apprise.sends().await.unwrap_err();
    assert_eq!((error.is_retryable(), error.reason()), (false, DeliveryReason::Misconfigured));
    assert!(error.to_string().contains("install Apprise"), "{error}");
}

fn trouble(trouble: Trouble) -> Reaction {
    match trouble {
        Trouble::Throttled(after) => later(429, after, CANARY.into()),
        Trouble::Later(after) => later(502, after, CANARY.into()),
        Trouble::Rejected => later(400, None, CANARY.into()),
        Trouble::Unauthorized => later(401, None, CANARY.into()),
    }
}

async fn through_server() -> Stub<AppriseConfig> {
    let server = HttpServer::start(vendor).await;
    server.always(Reaction::Answer(200, Vec::new(), "sent".into()));
    let secrets = MapSecrets::default();
    secrets.set("shop", "apprise", "urls", &format!("discord://1/{CANARY}\n"));
    let config = AppriseConfig {
        urls: vec![text("${SECRET:apprise:urls}")],
        api_url: Some(text(&server.url("/"))),
    };
    let kind = Kind {
        wrap: ProviderConfig::Apprise,
        turn: |config, base| config.api_url = Some(text(base)),
        trouble,
        shown: |_, request| {
            let body = request.json();
            format!("{}\n{}", body["title"].as_str().unwrap(), body["body"].as_str().unwrap())
        },
    };
    Stub::new(server, secrets, config, kind)
}

#[tokio::test]
async fn the_contract_holds_through_a_server() {
    contract::holds(&through_server().await).await;
}

#[tokio::test]
async fn a_server_is_asked_once_for_each_address_and_one_that_is_told_is_enough() {
    let apprise = through_server().await;
    let urls = format!("discord://1/{CANARY}\ntgram://2/{CANARY}\n");
    apprise.secrets.set("shop", "apprise", "urls", &urls);
    apprise.server.next(Reaction::Answer(424, Vec::new(), "{\"error\": \"one failed\"}".into()));
    let receipt = apprise.sends(&message("two", &event(EventKind::Down))).await.unwrap();
    assert_eq!(receipt.answer, "1 of 2 services took it");
    assert_eq!(apprise.server.received().len(), 2);
}

#[tokio::test]
async fn addresses_may_be_under_a_key_of_the_server() {
    let mut apprise = through_server().await;
    apprise.config.urls.clear();
    apprise.config.api_url = Some(text(&apprise.server.url("/notify/ops")));
    let body = apprise.got(EventKind::Up).await.json();
    assert_eq!(body["type"], "success");
    assert!(body.get("urls").is_none());
    let nobody = apprise.answers(204, "").await;
    assert_eq!(nobody.reason(), DeliveryReason::Misconfigured, "{nobody}");
    let failed = apprise.answers(424, "{\"error\": \"one failed\"}").await;
    assert!(failed.is_retryable(), "{failed}");
}

#[tokio::test]
async fn the_program_is_verified_without_a_message() {
    let program = Program::start().await;
    contract::verifies(&program, None).await;
    assert!(program.server.received().is_empty());
    let (broken, _folder) = Program::instead("exit 1").await;
    let error = contract::verify(&broken, &broken.provider()).await.unwrap_err();
    assert_eq!(error.reason(), DeliveryReason::Misconfigured);
}

#[tokio::test]
async fn a_server_is_verified_without_a_message() {
    let fixture = through_server().await;
    contract::verifies(&fixture, None).await;
    assert_eq!(contract::asked(&fixture.server), ["GET /status"]);
}
