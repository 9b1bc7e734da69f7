//! `/metrics`: every number in the Prometheus text format (`design/api.md` has the names).
//!
//! Collected when asked, so a monitor's series vanish with the monitor.

use std::collections::BTreeMap;
use std::sync::Arc;

use kuma_core::catalog::Catalog;
use kuma_core::object::Severity;
use kuma_core::state::MonitorState;
use kuma_core::stats::{Sample, StatKind, Stats};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, LabelSetEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::live::{Live, LiveMonitor, UPTIME_WINDOWS};

/// The content type of [`render`]'s text.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The content type of [`to_classic`]'s text.
pub const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

type Encoded = Result<(), std::fmt::Error>;

#[derive(Debug)]
struct All {
    samples: Vec<Sample>,
    monitors: Vec<LiveMonitor>,
    totals: crate::live::Totals,
    version: &'static str,
}

/// The numbers that a catalog holds: objects by kind and whether they are valid.
pub fn of_catalog(catalog: &Catalog) -> Vec<Sample> {
    let mut counts: BTreeMap<(&str, bool), u32> = BTreeMap::new();
    for (key, status) in &catalog.objects {
        let valid = status.problems.iter().all(|problem| problem.severity < Severity::Error);
        *counts.entry((key.kind.as_str(), valid)).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|((kind, valid), count)| Sample {
            name: "objects",
            help: "Objects by kind and whether they can be used as written.",
            kind: StatKind::Gauge,
            labels: vec![("kind", kind.to_owned()), ("valid", valid.to_string())],
            value: f64::from(count),
        })
        .collect()
}

/// Renders everything; `more` holds numbers that had to be asked for.
///
/// # Errors
/// Only when formatting into a string fails.
pub fn render(
    live: &Live,
    stats: &[Arc<dyn Stats>],
    more: Vec<Sample>,
    version: &'static str,
) -> Result<String, std::fmt::Error> {
    let samples = stats.iter().flat_map(|source| source.samples()).chain(more).collect();
    let mut registry = Registry::with_prefix("kubekuma");
    registry.register_collector(Box::new(All {
        samples,
        monitors: live.ours(),
        totals: live.totals(),
        version,
    }));
    let mut text = String::with_capacity(64 * 1024);
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

/// Turns OpenMetrics into the classic text format: there a counter's description carries the
/// `_total` of its samples, and there is no end marker.
pub fn to_classic(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut lines = openmetrics.lines().peekable();
    while let Some(line) = lines.next() {
        let next_is_counter = |lines: &mut std::iter::Peekable<std::str::Lines<'_>>| {
            lines
                .peek()
                .is_some_and(|next| next.starts_with("# TYPE") && next.ends_with(" counter"))
        };
        let counter = line.starts_with("# TYPE") && line.ends_with(" counter")
            || line.starts_with("# HELP") && next_is_counter(&mut lines);
        match line.splitn(4, ' ').collect::<Vec<_>>()[..] {
            ["#", "EOF" | "UNIT", ..] => {}
            ["#", what, name, rest] if counter => {
                text.extend(["# ", what, " ", name, "_total ", rest, "\n"]);
            }
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

struct Pairs<'a>(Vec<(&'static str, &'a str)>);

impl prometheus_client::encoding::EncodeLabelSet for Pairs<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Encoded {
        self.0.encode(encoder)
    }
}

fn family<'m, T: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    kind: MetricType,
    series: impl Iterator<Item = (Vec<(&'static str, &'m str)>, T)>,
) -> Encoded {
    let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, value) in series {
        value.encode(metric.encode_family(&Pairs(labels))?)?;
    }
    Ok(())
}

fn gauge(value: f64) -> prometheus_client::metrics::gauge::ConstGauge<f64> {
    prometheus_client::metrics::gauge::ConstGauge::new(value)
}

fn counter(value: u64) -> prometheus_client::metrics::counter::ConstCounter<u64> {
    prometheus_client::metrics::counter::ConstCounter::new(value)
}

fn labels(monitor: &LiveMonitor) -> Vec<(&'static str, &str)> {
    vec![
        ("namespace", &*monitor.name.namespace),
        ("name", &*monitor.name.name),
        ("type", monitor.check_type.as_str()),
    ]
}

impl Collector for All {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Encoded {
        self.build_info(&mut encoder)?;
        self.states(&mut encoder)?;
        self.checks(&mut encoder)?;
        self.uptime(&mut encoder)?;
        self.incidents(&mut encoder)?;
        self.durations(&mut encoder)?;
        self.own(&mut encoder)
    }
}

impl All {
    fn build_info(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let series = [(vec![("version", self.version)], gauge(1.0))];
        family(
            encoder,
            "build_info",
            "Version of this program",
            MetricType::Gauge,
            series.into_iter(),
        )
    }

    fn states(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let states = self.monitors.iter().flat_map(|monitor| {
            MonitorState::ALL.into_iter().map(move |state| {
                let mut labels = labels(monitor);
                labels.push(("state", state.as_str()));
                (labels, gauge(f64::from(u8::from(state == monitor.state))))
            })
        });
        family(
            encoder,
            "monitor_state",
            "1 for the state that the monitor has",
            MetricType::Gauge,
            states,
        )?;
        let up = self.monitors.iter().filter_map(|monitor| {
            let up = monitor.state.counts_as_up()?;
            Some((labels(monitor), gauge(f64::from(u8::from(up)))))
        });
        let help = "1 while up or degraded, 0 while down or flapping, absent while not known";
        family(encoder, "monitor_up", help, MetricType::Gauge, up)?;
        let expiry = self.monitors.iter().filter_map(|monitor| {
            let expires = monitor.certificate.as_ref()?.expires_at.as_second();
            Some((labels(monitor), gauge(expires as f64)))
        });
        let help = "When the certificate last seen expires, in seconds since the epoch";
        family(encoder, "cert_expiry_timestamp_seconds", help, MetricType::Gauge, expiry)
    }

    fn checks(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let counts = self.monitors.iter().flat_map(|monitor| {
            monitor.counts.iter().map(move |((result, reason), count)| {
                let mut labels = labels(monitor);
                labels.extend([("result", *result), ("reason", *reason)]);
                (labels, counter(*count))
            })
        });
        family(encoder, "checks", "Attempts by result and reason", MetricType::Counter, counts)
    }

    fn uptime(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let ratios = self.monitors.iter().flat_map(|monitor| {
            UPTIME_WINDOWS.iter().zip(monitor.uptime).filter_map(move |((window, _), ratio)| {
                let mut labels = labels(monitor);
                labels.push(("window", window));
                Some((labels, gauge(ratio?)))
            })
        });
        let help = "Time up divided by time known, refreshed every minute";
        family(encoder, "monitor_uptime_ratio", help, MetricType::Gauge, ratios)
    }

    fn incidents(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let open = self.monitors.iter().filter(|monitor| monitor.incident_since.is_some()).count();
        let none = std::iter::once(Vec::new());
        family(
            encoder,
            "incidents_open",
            "Incidents open now",
            MetricType::Gauge,
            none.clone().map(|l| (l, gauge(open as f64))),
        )?;
        let opened = self.totals.incidents_opened;
        family(
            encoder,
            "incidents",
            "Incidents opened since the start",
            MetricType::Counter,
            none.clone().map(|l| (l, counter(opened))),
        )?;
        let unrouted = self.totals.unrouted;
        family(
            encoder,
            "unrouted_events",
            "Events that no policy and no default provider took",
            MetricType::Counter,
            none.clone().map(|l| (l, counter(unrouted))),
        )?;
        let mut metric = encoder.encode_descriptor(
            "incident_duration_seconds",
            "Durations of the incidents closed since the start",
            None,
            MetricType::Histogram,
        )?;
        let durations = &self.totals.incident_durations;
        let buckets = durations.buckets();
        metric.encode_histogram::<Pairs<'_>>(durations.sum(), durations.total(), &buckets, None)
    }

    fn durations(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut metric = encoder.encode_descriptor(
            "check_duration_seconds",
            "Durations of attempts by type and phase; total is the whole attempt",
            None,
            MetricType::Histogram,
        )?;
        for ((check_type, phase), histogram) in &self.totals.durations {
            let labels = Pairs(vec![("type", check_type.as_str()), ("phase", phase)]);
            let mut series = metric.encode_family(&labels)?;
            let buckets = histogram.buckets();
            series.encode_histogram::<Pairs<'_>>(
                histogram.sum(),
                histogram.total(),
                &buckets,
                None,
            )?;
        }
        Ok(())
    }

    fn own(&self, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
        let mut rest = self.samples.as_slice();
        while let Some(first) = rest.first() {
            let end = rest.iter().position(|sample| sample.name != first.name);
            let (group, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after;
            let kind = match first.kind {
                StatKind::Counter => MetricType::Counter,
                StatKind::Gauge => MetricType::Gauge,
            };
            let help = first.help.trim_end_matches('.');
            let mut metric = encoder.encode_descriptor(first.name, help, None, kind)?;
            for sample in group {
                let pairs: Vec<_> =
                    sample.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let pairs = Pairs(pairs);
                let mut series = metric.encode_family(&pairs)?;
                match sample.kind {
                    StatKind::Gauge => series.encode_gauge(&sample.value)?,
                    StatKind::Counter => {
                        series.encode_counter::<Pairs<'_>, _, u64>(&sample.value, None)?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_described_by_the_name_of_their_samples_in_the_classic_format() {
        let classic = to_classic(
            "# HELP a_checks Attempts.\n# TYPE a_checks counter\na_checks_total{x=\"1\"} 3\n# HELP b Some.\n# TYPE b gauge\nb 1\n# EOF\n",
        );
        assert_eq!(
            classic,
            "# HELP a_checks_total Attempts.\n# TYPE a_checks_total counter\na_checks_total{x=\"1\"} 3\n# HELP b Some.\n# TYPE b gauge\nb 1\n"
        );
    }

    #[test]
    fn histograms_end_with_an_infinite_bucket_that_counts_everything() {
        let live = Live::default();
        live.total(|totals| {
            totals.incident_durations.observe(30.0);
            totals.incident_durations.observe(1e9);
        });
        let text = to_classic(&render(&live, &[], Vec::new(), "1.2.3").unwrap());
        assert!(
            text.contains("kubekuma_incident_duration_seconds_bucket{le=\"60.0\"} 1\n"),
            "{text}"
        );
        assert!(
            text.contains("kubekuma_incident_duration_seconds_bucket{le=\"+Inf\"} 2\n"),
            "{text}"
        );
        assert!(text.contains("kubekuma_build_info{version=\"1.2.3\"} 1.0\n"), "{text}");
    }
}
