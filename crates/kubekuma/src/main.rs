//! The `kubekuma` program: see [`cli`] for its commands, `ARCHITECTURE.md` for the map.

use std::process::ExitCode;

use kubekuma::cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
