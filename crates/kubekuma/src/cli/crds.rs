//! `kubekuma crds`: the custom resource definitions, ready for `kubectl apply -f -`.

use std::process::ExitCode;

use super::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only these kinds, for example `Monitor`; default: all.
    kinds: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let all = kuma_api::crd::crds();
    let known: Vec<_> = all.iter().map(|crd| crd.spec.names.kind.clone()).collect();
    for asked in &arguments.kinds {
        if !known.iter().any(|kind| kind.eq_ignore_ascii_case(asked)) {
            anyhow::bail!("there is no kind `{asked}`; there are {}", known.join(", "));
        }
    }
    let text: Vec<_> = all
        .iter()
        .filter(|crd| {
            arguments.kinds.is_empty()
                || arguments
                    .kinds
                    .iter()
                    .any(|kind| kind.eq_ignore_ascii_case(&crd.spec.names.kind))
        })
        .map(kuma_api::crd::to_yaml)
        .collect();
    output::print(&text.join("---\n"))?;
    Ok(ExitCode::SUCCESS)
}
