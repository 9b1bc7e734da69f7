//! `kubectl kuma silence`: makes, lists and ends Silences.

mod compose;
mod list;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use kuma_api::kinds::Silence;
use kuma_core::id::ObjectName;
use kuma_core::time::{Clock, Timestamp};
use serde_json::json;

use super::cluster::Cluster;
use super::{Listing, Shared, cluster, monitors};
use crate::cli::{output, runtime};
use crate::clock::SystemClock;
use compose::{Asked, compose};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    new: New,
}

#[derive(Debug, clap::Args)]
struct New {
    /// Monitors of one namespace, each as `namespace/name` or `name`.
    monitors: Vec<ObjectName>,
    /// Monitors with all of these labels, for example `team=shop,tier=web`.
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with = "monitors")]
    selector: Option<String>,
    /// Monitors with one of these tags.
    #[arg(long, conflicts_with = "monitors")]
    tag: Vec<String>,
    /// All monitors of the namespace.
    #[arg(long, conflicts_with_all = ["monitors", "selector", "tag"])]
    all: bool,
    /// How long, for example `2h`, `90m` or `1d 12h`.
    #[arg(long = "for", value_name = "TIME", required = true)]
    lasting: Option<String>,
    /// Why, for whoever wonders about the quiet.
    #[arg(long)]
    reason: Option<String>,
    /// Print the object instead of creating it; the cluster is not asked.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List silences that are in force or still to come.
    List {
        /// Also those that have expired.
        #[arg(long)]
        expired: bool,
        #[command(flatten)]
        listing: Listing,
    },
    /// End a silence now; what is still down is told then.
    Expire {
        /// The silence, as `namespace/name` or `name`.
        name: ObjectName,
    },
}

pub(super) fn run(shared: &Shared, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let now = SystemClock::start().now().wall;
    runtime()?.block_on(async {
        match arguments.action {
            None => create(shared, arguments.new, now).await,
            Some(Action::List { expired, listing }) => {
                list::run(shared, &listing, expired, now).await
            }
            Some(Action::Expire { name }) => expire(shared, &name, now).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn create(shared: &Shared, new: New, now: Timestamp) -> anyhow::Result<()> {
    let lasting = new.lasting.as_deref().unwrap_or_default();
    let mut asked = Asked {
        namespace: String::new(),
        monitors: new.monitors,
        labels: new.selector,
        tags: new.tag,
        all: new.all,
        until: compose::until(now, lasting)?,
        reason: new.reason,
        created_by: None,
    };
    if new.dry_run {
        let unnamed = |name: &ObjectName| name.namespace.is_empty();
        // Whoever names the namespace needs no kubeconfig.
        if asked.monitors.is_empty() || asked.monitors.iter().any(unnamed) {
            asked.namespace = cluster::namespace(shared).await?;
        }
        return output::print(&serde_saphyr::to_string(&compose(&asked, now)?)?);
    }
    let mut cluster = Cluster::connect(shared).await?;
    asked.namespace.clone_from(&cluster.namespace);
    asked.created_by = cluster.user().await;
    let object = compose(&asked, now)?;
    let name = monitors::name(&object);
    cluster.namespace = name.namespace.to_string();
    let known = monitors::fetch(&cluster, false, None).await?;
    compose::all_exist(&asked.monitors, &name.namespace, known.iter().map(|row| &row.monitor))?;
    cluster.create::<Silence>(&name.namespace, &object).await?;
    output::print(&format!(
        "silence {name} is in force until {}; end it with `kubectl kuma silence expire {name}`",
        asked.until
    ))
}

async fn expire(shared: &Shared, name: &ObjectName, now: Timestamp) -> anyhow::Result<()> {
    let cluster = Cluster::connect(shared).await?;
    let name = if name.namespace.is_empty() {
        ObjectName::new(cluster.namespace.as_str(), &*name.name)
    } else {
        name.clone()
    };
    let object = cluster.get::<Silence>(&name).await?.with_context(|| {
        format!("there is no silence {name}; `kubectl kuma silence list -A` shows all")
    })?;
    let view = list::View::of(&object, now);
    if view.expires_at.is_some_and(|end| end <= now) {
        bail!("silence {name} has expired already");
    }
    if view.starts_at.is_some_and(|start| start >= now) {
        bail!(
            "silence {name} has not begun, so it cannot end; take it away with `kubectl delete \
             silence -n {} {}`",
            name.namespace,
            name.name
        );
    }
    // Whichever of the two names the object uses; both at once are refused.
    let field = if object.pointer("/spec/endsAt").is_some() { "endsAt" } else { "expiresAt" };
    cluster.change::<Silence>(&name, &json!({"spec": {field: compose::whole(now)}})).await?;
    output::print(&format!("silence {name} is over"))
}
