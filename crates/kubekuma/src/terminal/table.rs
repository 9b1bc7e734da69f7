//! Tables for people.

use comfy_table::{Cell, CellAlignment, Table, presets};
use kuma_core::state::MonitorState;
use kuma_core::time::{Timestamp, between};
use kuma_server::live::LiveMonitor;

use super::paint::{of_state, paint};

/// Most rows of the live table; the worst states come first.
const MAX_ROWS: usize = 20;

/// A plain table with a header.
pub fn plain(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header.iter().map(|title| Cell::new(title.to_uppercase())));
    table
}

/// A duration as people say it: `45 s`, `3 min`, `2 h 5 min`, `4 d 3 h`.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// A latency in microseconds as people say it.
pub fn latency(us: u32) -> String {
    let ms = f64::from(us) / 1000.0;
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

fn severity(state: MonitorState) -> u8 {
    match state {
        MonitorState::Down => 0,
        MonitorState::Flapping => 1,
        MonitorState::Unknown => 2,
        MonitorState::Degraded => 3,
        MonitorState::Pending => 4,
        MonitorState::Maintenance => 5,
        MonitorState::Paused => 6,
        MonitorState::Up => 7,
    }
}

/// The table of `serve`: a line of counts, then the monitors, worst first where not all fit.
pub fn live(monitors: &[LiveMonitor], now: Timestamp, width: u16, colour: bool) -> String {
    let mut order: Vec<_> = monitors.iter().collect();
    if order.len() > MAX_ROWS {
        order.sort_by_key(|monitor| (severity(monitor.state), &monitor.name));
    }
    let mut table =
        plain(&["monitor", "type", "state", "for", "latency", "uptime 24h", "last result"]);
    let shown = &order[..order.len().min(MAX_ROWS)];
    for monitor in shown {
        table.add_row(row(monitor, now));
    }
    for column in [3, 4, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let more = order.len().saturating_sub(MAX_ROWS);
    let more = if more > 0 { format!(" … and {more} more\n") } else { String::new() };
    let states: Vec<_> = shown.iter().map(|monitor| monitor.state).collect();
    let table = paint_states(&fit(&table.to_string(), usize::from(width)), &states, colour);
    format!("\n {}\n{table}\n{more}", counts(monitors, colour))
}

/// Cuts every line to the terminal's width, so that a line stays one line.
fn fit(text: &str, width: usize) -> String {
    let lines: Vec<_> =
        text.lines().map(|line| shorten(line.trim_end(), width.saturating_sub(1))).collect();
    lines.join("\n")
}

/// Colours the state column of a rendered table: the cells are padded before they are coloured,
/// so that escape codes do not count as width.
pub fn paint_states(table: &str, states: &[MonitorState], colour: bool) -> String {
    let Some(offset) = table.lines().next().and_then(|header| header.find("STATE")) else {
        return table.to_owned();
    };
    let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
    for (line, state) in lines.iter_mut().skip(1).zip(states) {
        let at = line.char_indices().nth(offset).map(|(at, _)| at);
        if let Some(at) = at
            && line[at..].starts_with(state.as_str())
        {
            let painted = paint(state.as_str(), of_state(*state), colour);
            line.replace_range(at..at + state.as_str().len(), &painted);
        }
    }
    lines.join("\n")
}

fn counts(monitors: &[LiveMonitor], colour: bool) -> String {
    let mut parts = vec![format!("{} monitors", monitors.len())];
    for state in MonitorState::ALL {
        let count = monitors.iter().filter(|monitor| monitor.state == state).count();
        if count > 0 {
            parts.push(paint(&format!("{count} {state}"), of_state(state), colour));
        }
    }
    parts.join(" · ")
}

fn row(monitor: &LiveMonitor, now: Timestamp) -> Vec<Cell> {
    let since = monitor.since.map(|since| duration(between(since, now).as_secs()));
    let last = monitor.last.as_ref();
    let result = last.map_or_else(String::new, |last| match last.reason {
        Some(reason) => format!("{reason}: {}", last.message),
        None => last.message.clone(),
    });
    let uptime = monitor.uptime[1].map(|ratio| format!("{:.2} %", ratio * 100.0));
    vec![
        Cell::new(monitor.name.to_string()),
        Cell::new(monitor.check_type.as_str()),
        Cell::new(monitor.state.as_str()),
        Cell::new(since.unwrap_or_default()),
        Cell::new(last.and_then(|last| last.latency_us).map(latency).unwrap_or_default()),
        Cell::new(uptime.unwrap_or_default()),
        Cell::new(shorten(&result, 80)),
    ]
}

/// One line of at most `max` characters.
pub fn shorten(text: &str, max: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= max {
        return line.to_owned();
    }
    line.chars().take(max - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_latencies_read_well() {
        assert_eq!(duration(59), "59 s");
        assert_eq!(duration(3599), "59 min");
        assert_eq!(duration(7500), "2 h 5 min");
        assert_eq!(duration(90_000), "1 d 1 h");
        assert_eq!(latency(1234), "1.2 ms");
        assert_eq!(latency(123_456), "123 ms");
        assert_eq!(shorten("abcdef\nx", 4), "abc…");
    }
}
