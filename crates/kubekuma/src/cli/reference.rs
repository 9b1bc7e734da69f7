//! `kubekuma reference DIR` (hidden): everything that is generated from the types, for
//! `cargo xtask generate`.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder to write.
    to: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let crds = arguments.to.join("deploy/crds");
    std::fs::create_dir_all(&crds)?;
    for crd in kuma_api::crd::crds() {
        let name = format!("{}.{}.yaml", crd.spec.names.plural, crd.spec.group);
        std::fs::write(crds.join(name), kuma_api::crd::to_yaml(&crd))?;
    }
    let pages = arguments.to.join("docs/reference");
    std::fs::create_dir_all(&pages)?;
    for (name, page) in kuma_api::reference::reference_pages() {
        let path = pages.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, page)?;
    }
    std::fs::write(pages.join("cli.md"), command_line())?;
    Ok(ExitCode::SUCCESS)
}

/// The command line as one page of Markdown.
fn command_line() -> String {
    let mut page =
        String::from("# Command line\n\nGenerated from the program's own help; do not edit.\n\n");
    let mut command = super::Cli::command().term_width(100);
    command.build();
    describe(&mut page, &mut command, "kubekuma");
    let mut plugin = super::plugin::command().term_width(100);
    plugin.build();
    describe(&mut page, &mut plugin, "kubectl kuma");
    page
}

fn describe(page: &mut String, command: &mut clap::Command, path: &str) {
    let help = command.render_long_help().to_string();
    let help: Vec<_> = help.lines().map(str::trim_end).collect();
    // Writing into a string cannot fail.
    let _ = write!(page, "## `{path}`\n\n```text\n{}\n```\n\n", help.join("\n").trim());
    for below in command.get_subcommands_mut() {
        if !below.is_hide_set() && below.get_name() != "help" {
            let path = format!("{path} {}", below.get_name());
            describe(page, below, &path);
        }
    }
}
