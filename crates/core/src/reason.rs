//! The closed list of reasons: stable codes that appear in status, API, metrics and messages,
//! each with what it means and the usual fix. Documentation is generated from this table.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a reason says about whose fault it is; the own-fault guard counts [`Class::NoAnswer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Nothing came back: the target or the path to it.
    NoAnswer,
    /// The target (or something in its name) answered, so the path works.
    Answered,
    /// Our own side: no verdict about the target.
    Ours,
    /// Not the end of an attempt but an event about the monitor itself.
    Lifecycle,
}

macro_rules! reasons {
    ($($variant:ident = $number:literal, $code:literal, $class:ident, $meaning:literal, $fix:literal;)*) => {
        /// Why an attempt ended as it did, or why a state changed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Reason {
            $(#[doc = $meaning] $variant = $number,)*
        }

        impl Reason {
            /// Every reason, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// Whose fault it is.
            pub const fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class,)* }
            }

            /// What it means, as one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// What usually mends it, as one sentence.
            pub const fn fix(self) -> &'static str {
                match self { $(Self::$variant => $fix,)* }
            }

            /// The reason stored as `number`.
            pub const fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

reasons! {
    Timeout = 1, "TIMEOUT", NoAnswer, "The whole attempt took longer than `timeoutSeconds`.", "Look at the phases to see where the time went; raise `timeoutSeconds` if the target is that slow.";
    ConnectTimeout = 2, "CONNECT_TIMEOUT", NoAnswer, "No connection came about in time.", "Check that the host is on, the port is open and no firewall drops packets.";
    HostUnreachable = 3, "HOST_UNREACHABLE", NoAnswer, "The network said that there is no way to the host.", "Check routes and that the host is on.";
    NetworkUnreachable = 4, "NETWORK_UNREACHABLE", NoAnswer, "There is no route to the target's network.", "Check routes and, for IPv6 targets, that this host has IPv6.";
    ConnectionRefused = 5, "CONNECTION_REFUSED", Answered, "The host answered that nothing listens on the port.", "Start the service, or check the port.";
    ConnectionReset = 6, "CONNECTION_RESET", Answered, "The connection was cut off while it was in use.", "Look into the target's log for a crash or a limit.";
    ConnectionClosed = 7, "CONNECTION_CLOSED", Answered, "The target closed the connection before it had answered.", "Look into the target's log; check that port and protocol match.";
    DnsNxdomain = 10, "DNS_NXDOMAIN", Answered, "The name does not exist.", "Check the spelling and the DNS zone.";
    DnsNoData = 11, "DNS_NO_DATA", Answered, "The name exists but has no record of this type.", "Check the record type, or `ipFamily`.";
    DnsServfail = 12, "DNS_SERVFAIL", Answered, "The DNS server could not answer for the name.", "Check the zone's name servers and DNSSEC.";
    DnsRefused = 13, "DNS_REFUSED", Answered, "The DNS server refuses to answer us.", "Check the server's access rules.";
    DnsTimeout = 14, "DNS_TIMEOUT", NoAnswer, "The DNS server did not answer in time.", "Check that the DNS server is reachable.";
    DnsRcode = 15, "DNS_RCODE", Answered, "The DNS answer has another code than expected.", "Compare `rcode` with the answer in the evidence.";
    DnsMismatch = 16, "DNS_MISMATCH", Answered, "The DNS answer does not hold what is expected.", "Compare `expected` with the answer in the evidence.";
    DnsMalformed = 17, "DNS_MALFORMED", Answered, "The DNS answer cannot be read.", "Check what listens on the server's port.";
    TlsHandshake = 20, "TLS_HANDSHAKE", Answered, "The TLS handshake failed.", "Check protocol versions and cipher suites; the evidence has the alert.";
    TlsTimeout = 21, "TLS_TIMEOUT", NoAnswer, "The TLS handshake did not finish in time.", "Check that the port speaks TLS, and the path for boxes that drop large packets.";
    TlsExpired = 22, "TLS_EXPIRED", Answered, "The certificate has expired.", "Renew the certificate and reload the server.";
    TlsNotYetValid = 23, "TLS_NOT_YET_VALID", Answered, "The certificate is not valid yet.", "Check the clocks of both hosts.";
    TlsUntrusted = 24, "TLS_UNTRUSTED", Answered, "The chain does not end in an authority that is trusted here.", "The message says which certificate is missing: send the whole chain, or name the CA in `tls.caBundleSecretRef`.";
    TlsNameMismatch = 25, "TLS_NAME_MISMATCH", Answered, "The certificate is for another name.", "Issue it for this name, or set `tls.sni`.";
    TlsRevoked = 26, "TLS_REVOKED", Answered, "The certificate is revoked, as the OCSP response says that the server staples to it.", "Issue a new certificate.";
    TlsInvalid = 27, "TLS_INVALID", Answered, "The certificate or its chain is invalid.", "The message says what is wrong with it.";
    TlsClientCert = 28, "TLS_CLIENT_CERT", Answered, "The server does not accept our client certificate, or wants one.", "Set or renew `tls.clientCertSecretRef`.";
    TlsUnsupported = 29, "TLS_UNSUPPORTED", Answered, "The server offers only what this program does not speak (TLS 1.0, 1.1, RSA key exchange).", "Enable TLS 1.2 or 1.3 on the server.";
    TlsStarttls = 30, "TLS_STARTTLS", Answered, "The server did not agree to change from plain text to TLS.", "Enable TLS for the protocol on the server, and check that `starttls` names the protocol of this port.";
    HttpStatus = 40, "HTTP_STATUS", Answered, "The status code is not an accepted one.", "Compare `successCriteria.http.statusCodes` with the code in the message.";
    HttpHeader = 41, "HTTP_HEADER", Answered, "A header does not match.", "Compare `successCriteria.http.headerMatches` with the headers in the evidence.";
    HttpContentType = 42, "HTTP_CONTENT_TYPE", Answered, "The media type is not the expected one.", "Compare `successCriteria.http.contentType` with the answer.";
    HttpRedirects = 43, "HTTP_REDIRECTS", Answered, "Too many redirects, or a redirect that cannot be followed.", "Raise `maxRedirects` or mend the loop; the evidence has the hops.";
    HttpProtocol = 44, "HTTP_PROTOCOL", Answered, "The answer is not valid HTTP.", "Check that the port speaks HTTP of the asked version.";
    BodyTooLarge = 45, "BODY_TOO_LARGE", Answered, "The body is larger than `maxBodyBytes` and has to be read whole.", "Raise `maxBodyBytes`, or check a smaller page.";
    BodyMismatch = 46, "BODY_MISMATCH", Answered, "The body does not hold the keyword, or holds one that it must not.", "The evidence has the beginning of the body.";
    JsonInvalid = 47, "JSON_INVALID", Answered, "The body is not JSON.", "The evidence has the beginning of the body.";
    JsonQuery = 48, "JSON_QUERY", Answered, "The JSON query's result is not the expected one.", "The message has the result.";
    Latency = 49, "LATENCY", Answered, "The answer was right but slower than `maxLatencyMs`.", "Look at the phases; raise the limit or make the target faster.";
    ProxyConnect = 50, "PROXY_CONNECT", NoAnswer, "The proxy cannot be reached or opens no way in time.", "Check the proxy's address and that it runs.";
    ProxyAuth = 51, "PROXY_AUTH", Answered, "The proxy wants other credentials.", "Check the URL in `proxy.urlFromSecretRef`.";
    ProxyRefused = 52, "PROXY_REFUSED", Answered, "The proxy refuses to connect to the target or cannot.", "Look into the proxy's log; the message has its answer.";
    TokenUnreachable = 53, "TOKEN_UNREACHABLE", NoAnswer, "The OAuth 2 token endpoint cannot be reached, so the target was not asked.", "Check `auth.oauth2.tokenUrl` and the server that issues tokens; the target itself may be well.";
    TokenRefused = 54, "TOKEN_REFUSED", Answered, "The OAuth 2 token endpoint gave no token, so the target was not asked.", "The message has its answer; check client id, client secret, scopes and `auth.oauth2.clientAuthentication`.";
    BodyEncoding = 55, "BODY_ENCODING", Answered, "The body cannot be decompressed.", "Check what compresses the answer; the message has the encoding.";
    Condition = 56, "CONDITION", Answered, "The condition in `successCriteria.cel` is not true, or cannot be answered from what came.", "The message says which; the evidence has the answer.";
    TcpMismatch = 60, "TCP_MISMATCH", Answered, "The target sent something else than `expect`.", "The evidence has what it sent.";
    PingLoss = 61, "PING_LOSS", NoAnswer, "More echo requests went unanswered than `maxLossPercent` allows.", "Check the host and the path to it.";
    PushMissing = 62, "PUSH_MISSING", NoAnswer, "No heartbeat was pushed within the interval and its grace.", "Check the job that should push.";
    PushDown = 63, "PUSH_DOWN", Answered, "The job itself said that it failed.", "Look at the job; the message is its own.";
    GroupRule = 64, "GROUP_RULE", Answered, "Too few members are up for the group's rule.", "See which members are down.";
    UpsideDown = 65, "UPSIDE_DOWN", Answered, "The check succeeded and `upsideDown` says that it must not.", "Stop what answers, or remove `upsideDown`.";
    TargetInvalid = 66, "TARGET_INVALID", Answered, "The target cannot be asked as configured, for example a URL that a secret made invalid.", "Correct the target or the Secret.";
    WebsocketHandshake = 70, "WEBSOCKET_HANDSHAKE", Answered, "The server did not agree to speak WebSocket.", "Check the URL's path, the headers and the subprotocols; the message has the server's answer.";
    WebsocketProtocol = 71, "WEBSOCKET_PROTOCOL", Answered, "What the server sent breaks the WebSocket protocol, or is more than is read.", "Look into the server's log, and whether a proxy on the way knows WebSocket.";
    WebsocketMismatch = 72, "WEBSOCKET_MISMATCH", Answered, "No message was the expected one.", "Compare what is expected with the last message in the evidence.";
    GrpcStatus = 75, "GRPC_STATUS", Answered, "The gRPC call ended with another status than OK.", "The message has the status and the server's words for it.";
    GrpcUnimplemented = 76, "GRPC_UNIMPLEMENTED", Answered, "The server does not offer gRPC health checking.", "Register `grpc.health.v1.Health` in the server, or check its port with type tcp.";
    GrpcUnauthenticated = 77, "GRPC_UNAUTHENTICATED", Answered, "The server wants other credentials for its health service.", "Set or renew what `metadata` or `tls.clientCertSecretRef` names.";
    GrpcUnknownService = 78, "GRPC_UNKNOWN_SERVICE", Answered, "The server's health service does not know the service asked about.", "Compare `service` with the name that the server registers.";
    GrpcNotServing = 79, "GRPC_NOT_SERVING", Answered, "The server says that the service is not serving.", "Look into the server's log for what it waits for.";
    GrpcProtocol = 80, "GRPC_PROTOCOL", Answered, "The answer is not valid gRPC.", "Check that the port speaks gRPC, with TLS or without as configured.";
    SteamMalformed = 83, "STEAM_MALFORMED", Answered, "The answer to the Steam query cannot be read.", "Check that `port` is the query port and what listens on it.";
    SteamPlayers = 84, "STEAM_PLAYERS", Answered, "There are fewer players than `minPlayers` or more than `maxPlayers`.", "The message has the number.";
    SteamMap = 85, "STEAM_MAP", Answered, "Another map is played than `expectedMap`.", "The message has the map.";
    DockerNotRunning = 88, "DOCKER_NOT_RUNNING", Answered, "The container exists and does not run.", "The evidence has its state, exit code and error; look into its log.";
    DockerUnhealthy = 89, "DOCKER_UNHEALTHY", Answered, "The container runs and its health check does not say that it is healthy.", "The evidence has the health check's last output.";
    DockerNotFound = 90, "DOCKER_NOT_FOUND", Answered, "The engine knows no container of this name or id.", "Check `container` with `docker ps --all` on that engine.";
    DockerEngine = 91, "DOCKER_ENGINE", NoAnswer, "The Docker engine cannot be asked; nothing is known about the container.", "Check that the engine runs and `engine` names its socket or address.";
    KubernetesNotFound = 92, "KUBERNETES_NOT_FOUND", Answered, "There is no such object, or none that the selector selects.", "Compare kind, name, labels and namespace with `kubectl get`.";
    KubernetesReplicas = 93, "KUBERNETES_REPLICAS", Answered, "Fewer replicas are available than `check.min`.", "The message says how far a rollout has come and what holds it up; look at the pods.";
    KubernetesNotReady = 94, "KUBERNETES_NOT_READY", Answered, "The object says that it is not ready: a pod, a node, a claim that is not bound, a condition that is not True.", "The message has the object's own reason.";
    KubernetesEndpoints = 95, "KUBERNETES_ENDPOINTS", Answered, "Fewer endpoints of the Service are ready than `check.min`.", "Compare the Service's selector with the labels of the pods, and look why the pods are not ready.";
    KubernetesJob = 96, "KUBERNETES_JOB", Answered, "The Job failed.", "The message has the controller's reason; look into the log of its pods.";
    KubernetesOverdue = 97, "KUBERNETES_OVERDUE", Answered, "The CronJob's last run did not succeed, takes too long, or was not started.", "The evidence has schedule, last start and last success; look at the Jobs that it made.";
    KubernetesField = 98, "KUBERNETES_FIELD", Answered, "The field that `check.jsonPath` names is not there or has another value than `check.expected`.", "The message has the value.";
    KubernetesUnknownKind = 99, "KUBERNETES_UNKNOWN_KIND", Answered, "The API server knows no kind of this `apiVersion` and `kind`, so no such object exists.", "Check both for spelling and version; install the CustomResourceDefinition that is missing.";
    Internal = 100, "INTERNAL", Ours, "The check itself failed inside this program.", "Please report it; the log has more.";
    Cancelled = 101, "CANCELLED", Ours, "The run was cut short by a stop or a change.", "Nothing to do.";
    Resources = 102, "RESOURCES", Ours, "This host is out of sockets, ports or memory.", "Raise the limits (open files, ephemeral ports).";
    Permission = 103, "PERMISSION", Ours, "This process may not do what the check needs.", "The message names the permission, such as raw sockets for ping.";
    SecretMissing = 104, "SECRET_MISSING", Ours, "A Secret that the monitor needs is missing or may not be used.", "Create it; the message names it.";
    ResolverDown = 105, "RESOLVER_DOWN", Ours, "Our own DNS resolver answers for nothing.", "Check `networking.dns` and the host's resolver.";
    Uplink = 106, "UPLINK", Ours, "This host has no working network.", "Check this host's links.";
    ClockJump = 107, "CLOCK_JUMP", Ours, "The clock jumped or this host slept.", "Check time synchronisation.";
    Unsupported = 108, "UNSUPPORTED", Ours, "This build does not run checks of this type.", "See the list of check types in the documentation.";
    ClusterMode = 109, "CLUSTER_MODE", Ours, "The check needs a Kubernetes cluster.", "Run in cluster mode.";
    EgressDenied = 110, "EGRESS_DENIED", Ours, "The target's address is not one that may be asked.", "The message names the rule; see `networking.egress` in the settings and docs/egress.md.";
    StoreDown = 111, "STORE_DOWN", Ours, "The store cannot be reached, so arrivals cannot be known.", "Mend the store.";
    OwnFaultGuard = 112, "OWN_FAULT_GUARD", Ours, "So much failed at once that the fault may be ours; held for a moment.", "If it lasts, one mass-outage message follows.";
    NoVerdict = 113, "NO_VERDICT", Ours, "No attempt came to a verdict for a while.", "The message has the last cause.";
    KubernetesForbidden = 114, "KUBERNETES_FORBIDDEN", Ours, "KubeKuma, or the monitor's namespace, may not look at these objects.", "The message has the rule that its role lacks, or says which grant is missing.";
    KubernetesUnavailable = 115, "KUBERNETES_UNAVAILABLE", Ours, "The API server cannot be asked, or has not been asked yet, so what is known of the objects may not be true any more.", "Check that the API server is reachable from KubeKuma.";
    KubernetesTooMany = 116, "KUBERNETES_TOO_MANY", Ours, "The selector selects more objects than are kept in memory.", "Narrow `labelSelector`.";
    Paused = 150, "PAUSED", Lifecycle, "The monitor was disabled.", "Set `enabled: true` to resume.";
    Deleted = 151, "DELETED", Lifecycle, "The monitor was deleted.", "Nothing to do.";
    Maintenance = 152, "MAINTENANCE", Lifecycle, "A maintenance window is active.", "Nothing to do.";
    Degraded = 153, "DEGRADED", Lifecycle, "Slower than `degradedLatencyMs` for three runs in a row.", "Look at the phases to see where the time goes.";
    CertExpiring = 154, "CERT_EXPIRING", Lifecycle, "The certificate expires soon.", "Renew it.";
    Flapping = 155, "FLAPPING", Lifecycle, "The state changes too often.", "Look for a crash loop or an overloaded target.";
    Recovered = 156, "RECOVERED", Lifecycle, "The target answers again.", "Nothing to do.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// A text that is no reason code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a reason code")]
pub struct NotAReason(pub String);

impl FromStr for Reason {
    type Err = NotAReason;

    fn from_str(text: &str) -> Result<Self, NotAReason> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.code() == text)
            .ok_or_else(|| NotAReason(text.to_owned()))
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_and_numbers_are_unique_and_read_back() {
        let codes: HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert_eq!(reason.code().parse(), Ok(*reason));
            assert_eq!(Reason::from_number(*reason as u16), Some(*reason));
        }
    }
}
