//! Objects that we write for others and own: Monitors of discovery, Ingresses and routes of exposure.
//!
//! Guarantees: only objects that carry our label **and** have an owner of the right kind are ever
//! changed or deleted; fields that somebody else has set are theirs; planning again after the plan
//! was carried out plans nothing. Pure but for [`writer`].

mod fields;
mod live;
mod plan;
mod writer;

pub use live::Live;
pub use plan::{Clash, Desired, Plan, Target, Write, plan};
pub use writer::{WriteError, Writer};

/// The label of what we write; its value is who of us wrote it.
pub const LABEL: &str = "kubekuma.io/managed-by";
/// The field manager of everything that we write.
pub const MANAGER: &str = "kubekuma";
