//! The terminal's last lines belong to a table that is redrawn in place; log lines scroll above
//! it. Without a terminal there is only the log.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

#[derive(Debug, Default)]
struct State {
    /// Whether the table may be drawn: standard output is a terminal.
    live: bool,
    /// Lines of the table that stand on the terminal now.
    drawn: usize,
    /// The table, to draw it again below a log line.
    table: String,
}

/// Shared by the log and the table.
#[derive(Debug, Clone, Default)]
pub struct Screen(Arc<Mutex<State>>);

impl Screen {
    /// A screen; `live` says whether it may hold a table.
    pub fn new(live: bool) -> Self {
        Self(Arc::new(Mutex::new(State { live, ..State::default() })))
    }

    /// Whether a table is shown.
    pub fn is_live(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).live
    }

    /// Draws the table in the place of the last one.
    pub fn draw(&self, table: String) -> io::Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.live {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        erase(&mut out, &mut state)?;
        state.table = table;
        show(&mut out, &mut state)?;
        out.flush()
    }

    /// Leaves the table where it is and draws no other one.
    pub fn release(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.live = false;
        state.drawn = 0;
    }
}

fn erase(out: &mut impl Write, state: &mut State) -> io::Result<()> {
    if state.drawn > 0 {
        write!(out, "\x1b[{}A\x1b[J", state.drawn)?;
        state.drawn = 0;
    }
    Ok(())
}

fn show(out: &mut impl Write, state: &mut State) -> io::Result<()> {
    out.write_all(state.table.as_bytes())?;
    state.drawn = state.table.lines().count();
    Ok(())
}

/// Writes one log line.
#[derive(Debug)]
pub struct LogLine(Arc<Mutex<State>>);

impl Write for LogLine {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.live {
            return io::stderr().lock().write(line);
        }
        let mut out = io::stdout().lock();
        erase(&mut out, &mut state)?;
        // The other stream must not overtake what is still buffered here.
        out.flush()?;
        io::stderr().lock().write_all(line)?;
        show(&mut out, &mut state)?;
        out.flush()?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = LogLine;

    fn make_writer(&'a self) -> LogLine {
        LogLine(self.0.clone())
    }
}
