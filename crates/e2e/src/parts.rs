//! The programs that a control plane is made of, and where they are on this machine.

use std::path::{Path, PathBuf};

/// Where the programs are. Those that only few tests need may be missing: a contributor's own
/// `KUBEBUILDER_ASSETS` have the first three alone.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The store of the API server.
    pub etcd: PathBuf,
    /// The API server.
    pub api_server: PathBuf,
    /// The command line.
    pub kubectl: PathBuf,
    /// What makes Pods of Deployments and removes what has lost its owner.
    pub workloads: Option<Workloads>,
}

/// What makes workloads live.
#[derive(Debug, Clone)]
pub struct Workloads {
    /// The built-in controllers.
    pub controller_manager: PathBuf,
    /// Gives Pods their nodes.
    pub scheduler: PathBuf,
    /// Nodes and Pods that turn Ready without a machine under them.
    pub kwok: PathBuf,
    /// How they live.
    pub stages: Vec<PathBuf>,
}

#[expect(clippy::disallowed_methods, reason = "tests find their tools through the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether nobody would read a remark that something was left out.
pub fn is_continuous_integration() -> bool {
    variable("CI").is_some_and(|value| value == "true")
}

/// Finds them: `KUBEBUILDER_ASSETS` wins, then what `cargo xtask test` built or built last.
///
/// # Errors
/// What is missing and how to get it.
pub fn find() -> Result<Parts, String> {
    if let Some(folder) = variable("KUBEBUILDER_ASSETS") {
        return in_folder(Path::new(&folder))
            .map_err(|what| format!("KUBEBUILDER_ASSETS names {folder}, which has no {what}"));
    }
    let folder = variable("KUMA_CONTROL_PLANE").map(PathBuf::from).or_else(last_built);
    let lacking = "the cluster tests run on a real control plane. `cargo xtask control-plane` \
         builds it, which takes Go 1.26 or later (https://go.dev/dl) and about 10 minutes, once; \
         or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl";
    let folder = folder.ok_or(lacking)?;
    in_folder(&folder).map_err(|what| format!("{} has no {what}; {lacking}", folder.display()))
}

fn last_built() -> Option<PathBuf> {
    let cache = variable("KUBEKUMA_CACHE").map(PathBuf::from).or_else(|| {
        let base = variable("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache")));
        base.map(|base| base.join("kubekuma"))
    });
    cache.map(|cache| cache.join("control-plane/current"))
}

fn in_folder(folder: &Path) -> Result<Parts, String> {
    let program = |name: &str| {
        let path = folder.join(name);
        if path.is_file() { Ok(path) } else { Err(name.to_owned()) }
    };
    Ok(Parts {
        etcd: program("etcd")?,
        api_server: program("kube-apiserver")?,
        kubectl: program("kubectl")?,
        workloads: workloads(folder, &program).ok(),
    })
}

fn workloads(
    folder: &Path,
    program: &dyn Fn(&str) -> Result<PathBuf, String>,
) -> Result<Workloads, String> {
    let stages = std::fs::read_dir(folder.join("stages")).map_err(|error| error.to_string())?;
    let mut stages: Vec<PathBuf> = stages.filter_map(|it| Some(it.ok()?.path())).collect();
    stages.sort();
    Ok(Workloads {
        controller_manager: program("kube-controller-manager")?,
        scheduler: program("kube-scheduler")?,
        kwok: program("kwok")?,
        stages,
    })
}
