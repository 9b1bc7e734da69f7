//! The page of reason codes: what each means, how to find out more and what usually mends it.

use std::fmt::Write as _;

use kuma_core::check::CheckType;
use kuma_core::reason::{Class, Reason};

use super::GENERATED;

pub(super) fn page() -> String {
    let mut out = format!(
        "{GENERATED}# Reasons\n\nEvery result, incident and message that is not plain success has one of these codes. \
         They are stable: dashboards and rules may rely on them. What happened in particular is in the message and the \
         evidence: `kubekuma incidents`, and `kubekuma check NAME` for a run at this moment with all its phases.\n"
    );
    for class in [Class::Answered, Class::NoAnswer, Class::Ours, Class::Lifecycle] {
        let (title, about) = about(class);
        let _ = write!(out, "\n## {title}\n\n{about}\n");
        for reason in Reason::ALL.iter().filter(|reason| reason.class() == class) {
            out.push_str(&section(*reason));
        }
    }
    out
}

const fn about(class: Class) -> (&'static str, &'static str) {
    match class {
        Class::Answered => (
            "The target answers, and not as it should",
            "Something in the target's name answered, so the network is well. These count as failures at once.",
        ),
        Class::NoAnswer => (
            "No answer",
            "The target, or the way to it. When many monitors get none at the same moment, the [own-fault guard](../alerting.md#when-it-may-be-our-own-fault) asks first whether it is our own network.",
        ),
        Class::Ours => (
            "Our own trouble",
            "Nothing is known about the target: the monitor stays as it is and becomes `unknown` if it lasts. It is never reported as down.",
        ),
        Class::Lifecycle => (
            "What people and schedules did",
            "Not the end of an attempt, but something about the monitor.",
        ),
    }
}

fn section(reason: Reason) -> String {
    let mut out = format!("\n### {}\n\n{} {}\n", reason.code(), reason.meaning(), reason.fix());
    if let Some(how) = find_out(reason) {
        let _ = write!(out, "\nTo find out more: {how}\n");
    }
    let checks: Vec<String> = CheckType::ALL
        .iter()
        .filter(|check| check.reasons().contains(&reason))
        .map(|check| format!("[{check}](checks/{check}.md)"))
        .collect();
    if !checks.is_empty() && checks.len() < CheckType::ALL.len() - 3 {
        let _ = write!(out, "\nSeen with: {}.\n", checks.join(", "));
    }
    out
}

/// How a person finds out more about a reason, where there is more to say than the fix.
const fn find_out(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Timeout => {
            "`kubekuma check NAME` shows which phase took the time. A server that accepts and then says nothing is often out of workers; ask it from its own host with `curl -v --max-time 10 URL`."
        }
        Reason::ConnectTimeout => {
            "`nc -vz -w 5 HOST PORT` from this host and from another network. Packets that vanish are a firewall or a security group; a host that is off looks the same, `ping` tells them apart."
        }
        Reason::HostUnreachable => {
            "`ip route get ADDRESS`, and `ip neigh` when the host is in this network: `FAILED` means that it did not answer ARP."
        }
        Reason::NetworkUnreachable => {
            "`ip route get ADDRESS`, `ip -6 route` for IPv6. If the host has no IPv6, `ipFamily: ipv4` or `networking.ipFamily` says so."
        }
        Reason::ConnectionRefused => {
            "on the target, `ss -ltnp 'sport = :PORT'`. A service that listens on 127.0.0.1 only refuses everybody else."
        }
        Reason::ConnectionReset => {
            "the target's log at the time of the result; load balancers reset connections when they have no backend left."
        }
        Reason::ConnectionClosed => {
            "`openssl s_client -connect HOST:PORT` and `curl -v`: a plain port asked with TLS, and the reverse, often ends like this."
        }
        Reason::DnsNxdomain => {
            "`dig NAME @SERVER`, with the server of the message. In Kubernetes, short names need the search list: `networking.dns.useSearchList`, or write the whole name."
        }
        Reason::DnsNoData => "`dig NAME A` and `dig NAME AAAA`.",
        Reason::DnsServfail => {
            "`dig NAME @SERVER +cd`: if that answers, DNSSEC is broken; else `dig NAME +trace` shows which name server fails."
        }
        Reason::DnsRefused => {
            "`dig NAME @SERVER` from this host; a server that is not recursive refuses what is not its own."
        }
        Reason::DnsTimeout => "`dig NAME @SERVER +tries=1 +time=3`, and with `+tcp`.",
        Reason::DnsRcode | Reason::DnsMismatch => {
            "`dig NAME TYPE @SERVER` shows what the check sees; a cache may hold an older answer, whose TTL it prints."
        }
        Reason::DnsMalformed => "`dig NAME @SERVER +qr`, and a packet capture of port 53.",
        Reason::TlsHandshake => {
            "`openssl s_client -connect HOST:PORT -servername HOST`. The message has the alert that the server sent."
        }
        Reason::TlsTimeout => {
            "`openssl s_client -connect HOST:PORT`. A hello that never gets an answer while a plain connection works points to a path that drops large packets (MTU)."
        }
        Reason::TlsExpired | Reason::TlsNotYetValid => {
            "`openssl s_client -connect HOST:PORT -servername HOST </dev/null | openssl x509 -noout -dates -serial`. A renewed file that the server never loaded is the usual cause. With several addresses, ask each."
        }
        Reason::TlsUntrusted => {
            "`openssl s_client -connect HOST:PORT -servername HOST -showcerts`. When the server leaves out an intermediate, browsers that have it cached accept what others refuse; the message names the issuer that is missing."
        }
        Reason::TlsNameMismatch => {
            "`openssl s_client … | openssl x509 -noout -ext subjectAltName`. The message lists the names that it is for."
        }
        Reason::TlsRevoked => {
            "`openssl s_client -connect HOST:PORT -status` shows the stapled answer that says so."
        }
        Reason::TlsInvalid => {
            "`openssl s_client -connect HOST:PORT -showcerts`, each certificate through `openssl x509 -text`."
        }
        Reason::TlsClientCert => {
            "`openssl s_client -connect HOST:PORT -cert CERT -key KEY` with the files of the Secret; the server's log says why it refuses."
        }
        Reason::TlsUnsupported => {
            "`openssl s_client -connect HOST:PORT -tls1_2`; when only `-tls1` works, the server is too old."
        }
        Reason::TlsStarttls => "`openssl s_client -connect HOST:PORT -starttls PROTOCOL`.",
        Reason::HttpStatus | Reason::HttpHeader | Reason::HttpContentType => {
            "`curl -sv -o /dev/null URL` with the headers of the monitor. A sign-in page or a block of a web application firewall shows in the beginning of the body, which the evidence has."
        }
        Reason::HttpRedirects => "`curl -sIL URL | grep -i ^location`.",
        Reason::HttpProtocol => {
            "`curl -v --http1.1 URL` and `--http2`; the message says what was wrong with the answer."
        }
        Reason::BodyTooLarge => {
            "`curl -s URL | wc -c`. The limit counts what comes out of a compressed answer."
        }
        Reason::BodyMismatch | Reason::JsonInvalid | Reason::JsonQuery => {
            "`curl -s URL`; pages made by scripts hold less than a browser shows."
        }
        Reason::Latency => {
            "the phases: names, connection, TLS, first byte, transfer. Only the first byte is the application's own time."
        }
        Reason::ProxyConnect | Reason::ProxyAuth | Reason::ProxyRefused => {
            "`curl -v --proxy PROXY URL`. The proxy is at fault, or forbids the target; the target itself was not asked."
        }
        Reason::TokenUnreachable | Reason::TokenRefused => {
            "ask the token endpoint with `curl -v -d grant_type=client_credentials -u ID:SECRET TOKENURL`."
        }
        Reason::BodyEncoding => {
            "`curl -sv -H 'accept-encoding: gzip, br, zstd' URL | xxd | head`; a proxy that changes the body and keeps the header is a usual cause."
        }
        Reason::Condition => {
            "[what conditions may say](conditions.md); the message has the condition, the evidence the answer that it was asked about."
        }
        Reason::WebsocketHandshake => {
            "`curl -v -H 'connection: upgrade' -H 'upgrade: websocket' -H 'sec-websocket-version: 13' -H 'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==' URL` with `http` for `ws` should answer 101. Proxies need to be told about upgrades."
        }
        Reason::GrpcStatus
        | Reason::GrpcUnimplemented
        | Reason::GrpcUnauthenticated
        | Reason::GrpcUnknownService
        | Reason::GrpcNotServing
        | Reason::GrpcProtocol => {
            "`grpc_health_probe -addr HOST:PORT -service SERVICE` or `grpcurl HOST:PORT grpc.health.v1.Health/Check`."
        }
        Reason::SteamMalformed | Reason::SteamPlayers | Reason::SteamMap => {
            "any server browser; query port and game port often differ."
        }
        Reason::DockerNotRunning | Reason::DockerUnhealthy => {
            "`docker inspect --format '{{json .State}}' CONTAINER` and `docker logs CONTAINER` on that engine."
        }
        Reason::DockerEngine => "`docker --host ENGINE version` as the user that KubeKuma runs as.",
        Reason::KubernetesNotFound => {
            "`kubectl get KIND NAME --namespace NAMESPACE`, or with `--selector`. A monitor without `target.kubernetes.namespace` looks in its own."
        }
        Reason::KubernetesReplicas => {
            "`kubectl rollout status KIND NAME` and `kubectl describe KIND NAME`; then its pods."
        }
        Reason::KubernetesNotReady => {
            "`kubectl describe KIND NAME` shows conditions and events; `kubectl logs POD --previous` what a container said before it ended."
        }
        Reason::KubernetesEndpoints => {
            "`kubectl get endpointslices --selector kubernetes.io/service-name=NAME --output yaml`."
        }
        Reason::KubernetesJob => "`kubectl describe job NAME`, `kubectl logs job/NAME`.",
        Reason::KubernetesOverdue => {
            "`kubectl get cronjob NAME --output yaml` and `kubectl get jobs`. A run that is going on is waited for until five minutes after the next start, and a start is missed after five minutes. A suspended CronJob is overdue as soon as it misses a start."
        }
        Reason::KubernetesField => {
            "`kubectl get KIND NAME --output json`, which is what the query sees (without `managedFields`)."
        }
        Reason::KubernetesUnknownKind => "`kubectl api-resources` and `kubectl get crds`.",
        Reason::KubernetesForbidden => {
            "`kubectl auth can-i watch RESOURCE --as system:serviceaccount:NAMESPACE:kubekuma`. Permissions are asked for again every 30 s. With `tenancy.isolated`, the annotation `kubekuma.io/grant-to` on the Namespace of the objects lists who may look at them."
        }
        Reason::KubernetesUnavailable => {
            "`kubectl get --raw /readyz`. What was known is used for a minute after the watch breaks; then it is too old to judge by."
        }
        Reason::TcpMismatch => "`nc HOST PORT`, and type what `send` says.",
        Reason::PingLoss => {
            "`mtr -n HOST`. Some hosts and networks drop or limit ICMP: a tcp check of a port that is used says more about a service."
        }
        Reason::PushMissing => {
            "the job's own log. `curl -v URL` from where the job runs tells a job that did not run from one that cannot reach KubeKuma."
        }
        Reason::GroupRule => "`kubekuma status` lists the members with their states.",
        Reason::Internal => "the log line at the same time, event by event.",
        Reason::Resources => {
            "`ulimit -n`, `ss -s`, and the metric `process_open_fds`. Many connections in TIME-WAIT to one target use up local ports."
        }
        Reason::Permission => {
            "for ping, `sysctl net.ipv4.ping_group_range`; for containers, their security context."
        }
        Reason::SecretMissing => {
            "[where Secrets are looked for](../secrets.md). The message names Secret, key and namespace."
        }
        Reason::ResolverDown => {
            "`dig . NS @SERVER` for each server of `networking.dns.resolvers` or `/etc/resolv.conf`."
        }
        Reason::Uplink => "`ip -br link` and `ip route`.",
        Reason::ClockJump => {
            "`timedatectl` or `chronyc tracking`; virtual machines that were suspended show it too."
        }
        Reason::StoreDown => "`/ready`, and [the page on the database](../database.md).",
        Reason::OwnFaultGuard => "[how it decides](../alerting.md#when-it-may-be-our-own-fault).",
        Reason::Flapping => {
            "`kubekuma incidents NAME` shows when it changed; a rhythm points to a restart loop or a job."
        }
        _ => return None,
    })
}
