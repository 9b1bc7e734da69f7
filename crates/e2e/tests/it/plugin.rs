//! `kubectl kuma`, through kubectl, with the rights of somebody who is on call.

use kuma_e2e::{Kubectl, Plugin, Site, Told, until};

use crate::kit::{Installation, TEAM, web};

/// Somebody who may edit a team's namespace and nothing else, by `components/people`.
fn on_call(home: &Installation) -> Plugin {
    home.grant("people");
    let admin = home.plane.kubectl();
    admin.run(&["create", "serviceaccount", "alice", "-n", TEAM]);
    let account = format!("--serviceaccount={TEAM}:alice");
    admin.run(&["create", "rolebinding", "alice", "-n", TEAM, "--clusterrole=edit", &account]);
    let kubeconfig = home.plane.service_account(TEAM, "alice");
    let plugin = Plugin::install(
        &Kubectl::new(admin.program(), &kubeconfig),
        &home.plane.folder().join("plugins"),
    );
    // The role that people have is put together by a controller.
    until("the rights to be there", || {
        let told = plugin.tell(&["silence", "list"]);
        if told.success { Ok(()) } else { Err(told.err) }
    });
    plugin
}

/// What is the same in every run: numbers are `N`, lengths of time `T`, and columns are parted by
/// two blanks however wide they are. The stages of a latency, headers of an answer and the uptime,
/// which is written some time later, are left out.
fn redacted(told: &Told) -> String {
    let units = ["s", "ms", "µs", "min", "h", "d"];
    let text = format!("{}{}", told.out, told.err);
    let mut lines = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("header ")) {
        let columns: Vec<String> = line
            .split("  ")
            .map(str::trim)
            .filter(|column| !column.is_empty() && !column.starts_with('('))
            .map(|column| {
                let mut words: Vec<String> = Vec::new();
                for word in column.split(' ') {
                    let shape = shape(word);
                    if units.contains(&shape.as_str())
                        && words.last().is_some_and(|it| it == "N" || it == "T")
                    {
                        words.pop();
                        if words.last().is_none_or(|it| it != "T") {
                            words.push("T".to_owned());
                        }
                    } else {
                        words.push(shape);
                    }
                }
                words.join(" ")
            })
            .filter(|column| !["N", "N %", "N%"].contains(&column.as_str()))
            .collect();
        lines.push(columns.join("  "));
    }
    lines.join("\n")
}

/// A word with each number as one letter.
fn shape(word: &str) -> String {
    let mut shape = String::new();
    for letter in word.chars() {
        let number = letter.is_ascii_digit() || letter == '.' && shape.ends_with('N');
        if !number {
            shape.push(letter);
        } else if !shape.ends_with('N') {
            shape.push('N');
        }
    }
    shape
}

#[test]
fn people_see_and_silence_what_is_theirs() {
    let Some(home) = Installation::new("plugin") else { return };
    let (good, bad) = (Site::start(), Site::start());
    bad.answer_with(500);
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    home.plane.kubectl().apply(&[
        web("cart", &bad.url("/")),
        web("front", &good.url("/")),
        web("quiet", &good.url("/")),
    ]);
    home.shows("front", "up");
    home.shows("quiet", "up");
    home.hears("cart", "down");
    home.shows("cart", "down");
    let alice = on_call(&home);
    let say = |arguments: &[&str]| {
        let told = alice.tell(arguments);
        assert!(told.success, "{arguments:?}: {}{}", told.out, told.err);
        redacted(&told)
    };
    insta::assert_snapshot!("status", say(&["status"]));
    assert_eq!(say(&["monitors"]), say(&["status"]));
    insta::assert_snapshot!("incidents", say(&["incidents"]));
    insta::assert_snapshot!("check_up", say(&["check", "front"]));
    let failed = alice.tell(&["check", "shop/cart"]);
    assert!(!failed.success, "{}", failed.out);
    insta::assert_snapshot!("check_down", redacted(&failed));
    let json = alice.tell(&["status", "-o", "json"]).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json.as_array().map(Vec::len), Some(3), "{json}");

    // A silence takes effect: the outage is found, and nobody is told.
    let silence = ["silence", "quiet", "--for", "2h", "--reason", "Database migration"];
    insta::assert_snapshot!("silence", say(&silence));
    until("the silence to be in force", || {
        let listed = home.plane.kubectl().json(&["get", "silences", "-n", TEAM]);
        let status = listed["items"][0]["status"].clone();
        if status["isActive"] == true && status["affectedCount"] == 1 {
            Ok(())
        } else {
            Err(listed.to_string())
        }
    });
    insta::assert_snapshot!("silences", say(&["silence", "list"]));
    good.answer_with(500);
    home.hears("front", "down");
    home.shows("quiet", "down");
    assert!(home.events("quiet").is_empty(), "{:?}", home.events("quiet"));
    let listed = home.plane.kubectl().json(&["get", "silences", "-n", TEAM]);
    let name = listed["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    assert_eq!(listed["items"][0]["spec"]["createdBy"], "system:serviceaccount:shop:alice");
    insta::assert_snapshot!("expired", say(&["silence", "expire", &name]));
    until("the silence to be over", || {
        let silence = home.plane.object("silence", TEAM, &name);
        if silence["status"]["isActive"] == false { Ok(()) } else { Err(silence.to_string()) }
    });
    good.answer_with(200);
    home.hears("front", "up");
}

#[test]
fn what_cannot_be_done_is_said_with_what_to_do() {
    let Some(home) = Installation::new("plugin-refused") else { return };
    let alice = on_call(&home);
    let refused = |arguments: &[&str]| {
        let told = alice.tell(arguments);
        assert!(!told.success && told.out.is_empty(), "{arguments:?}: {}", told.out);
        told.err.replace(&home.plane.url(), "https://SERVER")
    };
    insta::assert_snapshot!("no_context", refused(&["status", "--context", "nowhere"]));
    insta::assert_snapshot!("no_right", refused(&["status", "-n", "kube-system"]));
    insta::assert_snapshot!("no_right_everywhere", refused(&["incidents", "-A"]));
    insta::assert_snapshot!("no_monitor", refused(&["silence", "nothing", "--for", "1h"]));
    insta::assert_snapshot!("no_monitor_to_check", refused(&["check", "nothing"]));
    home.plane.kubectl().run(&["delete", "crd", "silences.monitoring.kubekuma.io"]);
    until("the kind to be gone", || {
        let told = home.plane.kubectl().tell(&["get", "silences", "-A"], None);
        if told.success { Err(told.out) } else { Ok(()) }
    });
    insta::assert_snapshot!("no_kinds", refused(&["silence", "list"]));
    home.plane.stop_api_server();
    insta::assert_snapshot!("no_server", refused(&["status"]));
}
