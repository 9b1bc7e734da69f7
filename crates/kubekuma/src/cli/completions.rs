//! `kubekuma completions SHELL`.

use clap_complete::Shell;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The shell; for bash: `source <(kubekuma completions bash)`.
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, mut command: clap::Command) {
    clap_complete::generate(arguments.shell, &mut command, "kubekuma", &mut std::io::stdout());
}
