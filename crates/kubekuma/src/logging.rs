//! Log lines: JSON for machines in the documented shape, one readable line for people.

use std::fmt;
use std::io::IsTerminal;

use clap::ValueEnum;
use kuma_core::time::Clock;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::SystemClock;
use crate::terminal::screen::Screen;

/// `LOG_LEVEL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Only what ends the program.
    Fatal,
    /// What went wrong.
    Error,
    /// What may go wrong.
    Warn,
    /// What happens.
    Info,
    /// Why it happens.
    Debug,
    /// Everything.
    Trace,
}

/// `LOG_FORMAT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

impl LogLevel {
    const fn directive(self) -> &'static str {
        match self {
            Self::Fatal | Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Starts logging to standard error, or through the screen that also holds the live table.
pub fn start(level: LogLevel, format: Option<LogFormat>, screen: &Screen, clock: SystemClock) {
    let people = std::io::stderr().is_terminal();
    let default = if people { LogFormat::Pretty } else { LogFormat::Json };
    let format = format.unwrap_or(default);
    // Libraries below us log at most warnings unless everything is asked for. The client of the API
    // server logs every request that fails; what comes of it is logged by us, once.
    let filter = match level {
        // The WebSocket library traces whole messages, and one of ours may hold a secret.
        LogLevel::Trace => EnvFilter::new("trace,tungstenite=debug"),
        other => EnvFilter::new(format!(
            "warn,sqlx=error,kube_client=off,kube_runtime=error,kuma_kube={0},kubekuma={0},kuma_core={0},kuma_api={0},kuma_probe={0},kuma_notify={0},kuma_store={0},kuma_server={0}",
            other.directive()
        )),
    };
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(screen.clone())
        .event_format(Lines { format, colour: people, clock, pid: std::process::id() })
        .try_init();
    // Only fails when logging has been started before, as tests do.
    drop(started);
}

struct Lines {
    format: LogFormat,
    colour: bool,
    clock: SystemClock,
    pid: u32,
}

#[derive(Default)]
struct Fields {
    message: String,
    rest: Map<String, Value>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.rest.insert(field.name().to_owned(), value.into());
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.rest.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.rest.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.rest.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.rest.insert(field.name().to_owned(), value.into());
    }
}

/// Level numbers of the documented log lines.
const fn number(level: Level) -> u64 {
    match level {
        Level::ERROR => 50,
        Level::WARN => 40,
        Level::INFO => 30,
        Level::DEBUG => 20,
        Level::TRACE => 10,
    }
}

const fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[2m",
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        let now = self.clock.now().wall;
        let mut fields = Fields::default();
        event.record(&mut fields);
        match self.format {
            LogFormat::Json => {
                let mut line = Map::new();
                line.insert("level".into(), number(level).into());
                line.insert("time".into(), now.as_millisecond().into());
                line.insert("pid".into(), self.pid.into());
                line.insert("msg".into(), fields.message.into());
                line.extend(fields.rest);
                writeln!(writer, "{}", Value::Object(line))
            }
            LogFormat::Pretty => {
                let time = now.to_string();
                let time = time.get(11..19).unwrap_or(&time);
                let (on, off) = if self.colour { (colour(level), "\x1b[0m") } else { ("", "") };
                write!(writer, "{time} {on}{level:>5}{off} {}", fields.message)?;
                for (name, value) in fields.rest {
                    match value {
                        Value::String(text) => write!(writer, " {name}={text}")?,
                        other => write!(writer, " {name}={other}")?,
                    }
                }
                writeln!(writer)
            }
        }
    }
}
