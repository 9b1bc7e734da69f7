//! The image: the last stage of the Dockerfile made by a real engine, and run with as few rights as the
//! manifests give it.

use std::path::Path;
use std::process::Command;

use kuma_e2e::{Site, until};
use kuma_fixture::DockerServer;
use kuma_fixture::get::get;
use kuma_fixture::wait::free_port;
use tempfile::TempDir;

/// What the first stage of the Dockerfile leaves.
const STAGE: &str = "KUMA_IMAGE_STAGE";

const MONITOR: &str = "
apiVersion: monitoring.kubekuma.io/v1
kind: Monitor
metadata: {name: web}
spec:
  type: http
  schedule: {intervalSeconds: 20, timeoutSeconds: 1}
  target: {http: {url: URL}}
";

/// The image's size in bytes, as it is and packed as a registry keeps it.
fn make(engine: &DockerServer, stage: &Path, scratch: &Path) -> (u64, u64) {
    let tar = scratch.join("stage.tar");
    let packed =
        Command::new("tar").arg("-C").arg(stage).arg("-cf").arg(&tar).arg("image").status();
    assert!(packed.unwrap().success());
    // Under the name that the last stage copies from.
    engine.run(&["import", tar.to_str().unwrap(), "build"]);
    let file = include_str!("../../../../Dockerfile");
    let last = &file[file.find("FROM scratch").unwrap()..];
    let context = scratch.join("context");
    std::fs::create_dir(&context).unwrap();
    std::fs::write(context.join("Dockerfile"), last).unwrap();
    engine.run(&["build", "--quiet", "--tag", "kubekuma", context.to_str().unwrap()]);
    let size = engine.run(&["image", "inspect", "--format", "{{.Size}}", "kubekuma"]);
    let saved = scratch.join("image.tar");
    engine.run(&["save", "--output", saved.to_str().unwrap(), "kubekuma"]);
    assert!(Command::new("gzip").arg(&saved).status().unwrap().success());
    let registry = std::fs::metadata(scratch.join("image.tar.gz")).unwrap().len();
    (size.parse().unwrap(), registry)
}

/// Waits until the monitor is up and says since when.
fn up_since(port: u16) -> String {
    until("the monitor to be up", || {
        let told = get(port, "/api/v1/monitors", "localhost").map_err(|error| error.to_string())?;
        let told = told.json();
        let status = &told["items"][0]["status"];
        let since = status["since"].as_str().map(str::to_owned);
        since.filter(|_| status["state"] == "up").ok_or_else(|| told.to_string())
    })
}

#[test]
#[ignore = "needs what the Dockerfile's first stage leaves: cargo xtask image"]
#[expect(clippy::disallowed_methods, reason = "the harness is told by the environment")]
fn the_image_runs_without_rights_and_keeps_what_it_saw() {
    let stage = std::env::var(STAGE).expect("cargo xtask image says where the stage is");
    let scratch = TempDir::new().unwrap();
    let engine = DockerServer::start();
    let (size, registry) = make(&engine, Path::new(&stage), scratch.path());
    println!("image: {size} bytes, {registry} packed");

    let site = Site::start();
    let config = scratch.path().join("config");
    std::fs::create_dir(&config).unwrap();
    std::fs::write(config.join("web.yaml"), MONITOR.replace("URL", &site.url("/"))).unwrap();
    let port = free_port();
    let mount = format!("--volume={}:/config:ro", config.display());
    let (listen, at) = ("--env=KUBEKUMA_LISTEN=127.0.0.1", format!("--env=PORT={port}"));
    // What the manifests ask for, on the host's network: the engine has none of its own.
    let rights = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"];
    let mounts = ["--tmpfs=/tmp", "--volume=history:/data", &mount, listen, &at];
    let start = ["run", "--detach", "--network=host", "--name=kubekuma"];
    engine.run(&[&start[..], &rights, &mounts, &["kubekuma"]].concat());
    let since = up_since(port);
    // Results are written in batches, so its database may hold none yet.
    until("the command in the container to show the monitor", || {
        let told = engine.run(&["exec", "kubekuma", "/usr/local/bin/kubekuma", "status"]);
        if told.contains("web") && told.contains("up") { Ok(()) } else { Err(told) }
    });

    // The first process of a container gets only the signals that it asked for.
    engine.run(&["stop", "--time=20", "kubekuma"]);
    let ended = engine.run(&["inspect", "--format", "{{.State.ExitCode}}", "kubekuma"]);
    assert_eq!(ended, "0", "{}", engine.run(&["logs", "kubekuma"]));
    // Its history is on the volume.
    engine.run(&["start", "kubekuma"]);
    assert_eq!(up_since(port), since);
}
