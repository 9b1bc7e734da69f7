//! Modules, a Prometheus configuration with the usual relabelling, and a Probe.

use serde_json::json;

use super::{import, remarks};
use crate::kit::Home;

const MODULES: &str = r#"
modules:
  http_2xx: { prober: http, timeout: 5s }
  http_login:
    prober: http
    http:
      method: POST
      valid_status_codes: [200, 302]
      no_follow_redirects: true
      headers: { Host: shop.example, X-Api-Key: hush-key }
      body: '{}'
      basic_auth: { username: probe, password: hush-password }
      fail_if_body_matches_regexp: ["(?i)error"]
      fail_if_body_not_matches_regexp: ["Sign in"]
      fail_if_header_not_matches: [{ header: Content-Type, regexp: "json" }]
      tls_config: { insecure_skip_verify: true, ca_file: /etc/ca.pem }
  smtp_banner: { prober: tcp, tcp: { query_response: [{ expect: "^220 " }] } }
  smtp_starttls:
    prober: tcp
    tcp:
      query_response:
        - expect: "^220 "
        - send: "EHLO prober\r"
        - expect: "^250-STARTTLS"
        - send: "STARTTLS\r"
        - expect: "^220"
        - starttls: true
  icmp_v4: { prober: icmp, icmp: { preferred_ip_protocol: ip4, ip_protocol_fallback: false, ttl: 5 } }
  dns_tcp:
    prober: dns
    dns: { query_name: example.com., query_type: MX, transport_protocol: tcp, valid_rcodes: [NXDOMAIN] }
  grpc_plain: { prober: grpc, grpc: { service: shop } }
  sock: { prober: unix }
"#;

const PROMETHEUS: &str = r#"
global: { scrape_interval: 30s }
scrape_configs:
  - job_name: node
    static_configs: [{ targets: ["localhost:9100"] }]
  - job_name: sites
    metrics_path: /probe
    params: { module: [http_2xx] }
    scrape_timeout: 8s
    static_configs:
      - targets: ["https://shop.example/health", "blog.example"]
        labels: { team: web }
    relabel_configs:
      - { source_labels: [__address__], target_label: __param_target }
      - { source_labels: [__param_target], target_label: instance }
      - { target_label: __address__, replacement: "127.0.0.1:9115" }
  - job_name: mail
    metrics_path: /probe
    params: { module: [smtp_starttls] }
    static_configs: [{ targets: ["mail.example:587"] }]
    file_sd_configs: [{ files: [more.json] }]
  - job_name: odd
    metrics_path: /probe
    params: { module: [missing] }
    static_configs: [{ targets: ["x.example"] }]
    relabel_configs: [{ source_labels: [a], target_label: b }]
"#;

const PROBE: &str = r#"
apiVersion: monitoring.coreos.com/v1
kind: Probe
metadata: { name: gateways }
spec:
  jobName: ping
  interval: 15s
  module: icmp_v4
  prober: { url: "blackbox:9115" }
  targets: { staticConfig: { static: ["192.0.2.1"], labels: { site: north } } }
"#;

#[test]
fn modules_become_templates_and_targets_become_monitors() {
    let home = Home::new();
    home.put("blackbox.yml", MODULES);
    home.put("prometheus.yml", PROMETHEUS);
    home.put("probe.yaml", PROBE);
    let files = ["blackbox", "blackbox.yml", "prometheus.yml", "probe.yaml"];
    let (ran, objects) = import(&home, &files, "out");
    assert_eq!(ran.code, 3, "{ran:?}");
    let spec =
        |key: &str| &objects.get(key).unwrap_or_else(|| panic!("{key}: {objects:#?}"))["spec"];

    let login = spec("Monitor/module-http-login");
    assert_eq!(
        objects["Monitor/module-http-login"]["metadata"]["labels"],
        json!({ "kubekuma.io/probe-module": "http_login" })
    );
    assert_eq!((&login["type"], &login["enabled"]), (&json!("keyword"), &json!(false)));
    let target = &login["target"]["keyword"];
    assert_eq!((&target["keywords"], &target["invert"]), (&json!(["(?i)error"]), &json!(true)));
    assert_eq!(target["headers"], json!({ "Host": "shop.example" }));
    assert_eq!(
        login["successCriteria"],
        json!({
            "http": {
                "statusCodes": [200, 302],
                "headerMatches": [{ "name": "Content-Type", "regex": "json" }],
            },
            "cel": "body.matches(\"Sign in\")",
        })
    );
    let secret = &objects["Secret/module-http-login-import"]["stringData"];
    assert_eq!(secret["password"], "hush-password");
    assert_eq!(spec("Monitor/module-smtp-banner")["target"]["tcp"]["expect"], "^220 ");
    assert_eq!(
        spec("Monitor/module-dns-tcp")["target"]["dns"],
        json!({
            "domain": "example.com", "recordType": "MX", "protocol": "tcp", "rcode": "NXDOMAIN",
        })
    );

    let shop = spec("Monitor/shop-example-health");
    assert_eq!(shop["target"]["http"]["url"], "https://shop.example/health");
    assert_eq!(shop["schedule"], json!({ "intervalSeconds": 30, "timeoutSeconds": 5 }));
    assert_eq!(shop["tags"], json!(["job:sites", "team:web"]));
    assert_eq!(spec("Monitor/blog-example")["target"]["http"]["url"], "http://blog.example");
    assert_eq!(
        spec("Monitor/mail-example-587")["target"]["tcp"],
        json!({
            "host": "mail.example", "port": 587, "tls": { "enabled": true, "starttls": "smtp" },
        })
    );
    let gateway = spec("Monitor/192-0-2-1");
    assert_eq!(gateway["target"]["ping"]["ipFamily"], "ipv4");
    assert_eq!(gateway["tags"], json!(["job:ping", "site:north"]));
    assert!(!objects.keys().any(|key| key.contains("9100")), "node is no job of ours");

    assert_eq!(
        remarks(&home, &files, "lost"),
        [
            "job \"mail\"|file_sd_configs",
            "job \"odd\"|relabel_configs",
            "module \"http_login\"|tls_config.ca_file",
            "module \"icmp_v4\"|ttl",
            "module \"sock\"|prober",
            "target \"x.example\"|module",
        ]
    );
}

#[test]
fn an_imported_module_serves_free_targets() {
    let home = Home::new();
    home.put(
        "blackbox.yml",
        "modules: { smtp: { prober: tcp, tcp: { query_response: [{ expect: '^220 ' }] } } }",
    );
    import(&home, &["blackbox", "blackbox.yml"], "config/imported");
    let free = json!({ "publicEndpoints": { "probe": { "freeTargets": true } } });
    home.write("settings.yaml", &[crate::kit::documents::settings_with(free)]);
    let greeter = crate::fixture::banner::Greeter::start("220 ready\r\n");
    let kuma = home.serve();
    let answer = kuma.get(&format!("/probe?module=smtp&target=127.0.0.1:{}", greeter.port));
    assert!(answer.body.contains("\nprobe_success 1\n"), "{answer:?}");
}
