//! `kubectl kuma` as far as it goes without a cluster: its help, its errors, what it writes.

use std::fmt::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;

use crate::kit::{Home, Ran};

fn run_as(home: &Home, name: &str, arguments: &[&str], kubeconfig: Option<&str>) -> Ran {
    let mut command = home.command();
    command.arg0(name).args(arguments).env("HOME", home.path());
    command.envs(kubeconfig.map(|path| ("KUBECONFIG", path)));
    let ended = command.output().unwrap();
    Ran {
        code: ended.status.code().unwrap_or(-1),
        out: String::from_utf8(ended.stdout).unwrap(),
        err: String::from_utf8(ended.stderr).unwrap(),
    }
}

fn kuma(home: &Home, arguments: &[&str]) -> Ran {
    run_as(home, "/usr/local/bin/kubectl-kuma", arguments, None)
}

fn kubeconfig(port: u16) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
         clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:{port}'}}}}]\n\
         users: [{{name: u, user: {{token: s3cret}}}}]\n\
         contexts: [{{name: here, context: {{cluster: c, user: u, namespace: shop}}}}]\n"
    )
}

#[test]
fn help_teaches_every_command() {
    let home = Home::new();
    let mut text = String::new();
    for command in ["", "status", "incidents", "check", "silence", "silence list"] {
        let words: Vec<_> = command.split(' ').filter(|word| !word.is_empty()).collect();
        let help = kuma(&home, &[words.as_slice(), &["-h"]].concat());
        assert_eq!((help.code, help.err.as_str()), (0, ""), "{command}");
        let _ = write!(text, "$ kubectl kuma {command} -h\n{}\n", help.out);
    }
    insta::assert_snapshot!(text);
}

#[test]
fn errors_say_what_to_do() {
    let home = Home::new();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    home.put("config.yaml", kubeconfig(closed));
    home.put("broken.yaml", "users: [{name: u, user: {token: s3cret}}");
    let mut text = String::new();
    let mut fails = |what: &str, arguments: &[&str], kubeconfig: Option<&str>| {
        let ran = run_as(&home, "kubectl-kuma", arguments, kubeconfig);
        assert_eq!(ran.code, 1, "{what}: {ran:?}");
        let err = ran.err.replace(&closed.to_string(), "[port]");
        let err = err.replace(&home.path().display().to_string(), "[home]");
        let _ = write!(text, "# {what}\n{err}\n");
    };
    fails("no kubeconfig", &["status"], None);
    fails("a kubeconfig that is not there", &["status", "--kubeconfig", "nowhere"], None);
    fails("a kubeconfig that is no YAML", &["status", "--kubeconfig", "broken.yaml"], None);
    fails("an unknown context", &["status", "--context", "there"], Some("config.yaml"));
    fails("no API server", &["incidents", "-A"], Some("config.yaml"));
    fails("an unknown state", &["status", "--state", "odd"], Some("config.yaml"));
    fails("nothing to silence", &["silence", "--for", "2h", "--dry-run", "-n", "shop"], None);
    fails("no length of time", &["silence", "shop/web", "--for", "soon", "--dry-run"], None);
    assert!(!text.contains("s3cret"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn a_dry_run_prints_a_silence_that_is_valid() {
    let home = Home::new();
    home.put("kube.yaml", kubeconfig(1));
    let asked = ["silence", "web", "--for", "2h", "--reason", "Migration", "--dry-run"];
    let ran = run_as(&home, "kubectl-kuma", &asked, Some("kube.yaml"));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("namespace: shop\n"), "{}", ran.out);
    home.put("config/silence.yaml", &ran.out);
    let valid = kuma(&home, &["validate", "config"]);
    assert_eq!(valid.out, "1 object, 0 errors, 0 warnings\n");
}

#[test]
fn kubectl_is_given_completions() {
    let home = Home::new();
    let ran = run_as(&home, "kubectl_complete-kuma", &["silence", "l"], None);
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(lines, ["list\tList silences that are in force or still to come", ":4"]);
}
