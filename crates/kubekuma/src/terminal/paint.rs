//! Colours, when they are wanted.

use std::io::IsTerminal;

use clap::ValueEnum;
use kuma_core::state::MonitorState;

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColorChoice {
    /// Whether standard output gets colours.
    pub fn on_stdout(self) -> bool {
        match self {
            Self::Auto => std::io::stdout().is_terminal(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// The colour of a state, as an ANSI number.
pub const fn of_state(state: MonitorState) -> u8 {
    match state {
        MonitorState::Up => 32,
        MonitorState::Degraded | MonitorState::Flapping => 33,
        MonitorState::Down => 31,
        MonitorState::Maintenance => 34,
        MonitorState::Pending | MonitorState::Paused | MonitorState::Unknown => 90,
    }
}

/// Text in a colour.
pub fn paint(text: &str, colour: u8, wanted: bool) -> String {
    if wanted { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
}
