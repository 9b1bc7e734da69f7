//! What one watch knows: pure, with the time passed in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kuma_core::check::kubernetes::{ObjectQuery, ObjectsError};
use kuma_core::time::Mono;
use serde_json::Value;

use super::plan::Scope;

/// Most objects that one watch keeps.
pub(super) const MOST_OBJECTS: usize = 5_000;

/// How long what was known is used after the watch broke.
pub(super) const TOO_OLD: Duration = Duration::from_secs(60);

/// How a watch may stand, as metrics name it.
pub(super) const STANDINGS: [&str; 4] = ["starting", "live", "broken", "refused"];

/// What is known.
#[derive(Default)]
pub(super) struct State {
    objects: BTreeMap<String, Arc<Value>>,
    standing: Standing,
}

/// How the watch stands.
enum Standing {
    /// There has been no list yet; why not, if something went wrong.
    Starting(Option<String>),
    /// Every change is heard of.
    Live,
    /// Changes since then may have gone unheard.
    Broken { since: Mono, why: String },
    /// There is nothing to be known, for a reason that only somebody else can mend.
    Refused(ObjectsError),
}

impl Default for Standing {
    fn default() -> Self {
        Self::Starting(None)
    }
}

/// Whom a change concerns.
pub(super) enum Changed {
    /// Nobody.
    Nothing,
    /// Those who look at one of these: an object as it was and as it is.
    Objects(Vec<Arc<Value>>),
    /// Everybody.
    Everything,
}

impl Changed {
    pub(super) fn concerns(&self, query: &ObjectQuery) -> bool {
        match self {
            Self::Nothing => false,
            Self::Objects(objects) => objects.iter().any(|object| query.matches(object)),
            Self::Everything => true,
        }
    }
}

impl State {
    /// What a query finds; nothing while that has to be waited for.
    pub(super) fn look(
        &self,
        query: &ObjectQuery,
        now: Mono,
    ) -> Option<Result<Vec<Arc<Value>>, ObjectsError>> {
        match &self.standing {
            Standing::Starting(_) => None,
            Standing::Refused(error) => Some(Err(error.clone())),
            Standing::Broken { since, why } if now.since(*since) > TOO_OLD => {
                let age = now.since(*since).as_secs();
                let why = format!("nothing has been heard for {age} s: {why}");
                Some(Err(ObjectsError::Unavailable { what: query.to_string(), why }))
            }
            Standing::Live | Standing::Broken { .. } => {
                let found = self.objects.values().filter(|object| query.matches(object));
                Some(Ok(found.cloned().collect()))
            }
        }
    }

    /// What to say to somebody who will wait no longer for the first list.
    pub(super) fn not_yet(&self, query: &ObjectQuery) -> ObjectsError {
        let what = query.to_string();
        match &self.standing {
            Standing::Starting(Some(why)) => ObjectsError::Unavailable { what, why: why.clone() },
            _ => ObjectsError::NotSynced(what),
        }
    }

    /// A list: all that there is.
    pub(super) fn replace(&mut self, list: BTreeMap<String, Arc<Value>>) -> Changed {
        let mut changed = Vec::new();
        for (name, new) in &list {
            match self.objects.get(name) {
                Some(old) if same(old, new) => {}
                old => changed.extend(old.cloned().into_iter().chain([Arc::clone(new)])),
            }
        }
        let gone = self.objects.iter().filter(|(name, _)| !list.contains_key(*name));
        changed.extend(gone.map(|(_, old)| Arc::clone(old)));
        self.objects = list;
        let was_live = matches!(self.standing, Standing::Live);
        self.standing = Standing::Live;
        match (was_live, changed.is_empty()) {
            (false, _) => Changed::Everything,
            (true, true) => Changed::Nothing,
            (true, false) => Changed::Objects(changed),
        }
    }

    /// An object that is new or has changed. Too many of them are none.
    pub(super) fn put(&mut self, scope: &Scope, name: String, object: Value) -> Changed {
        if self.objects.len() >= MOST_OBJECTS && !self.objects.contains_key(&name) {
            return self.refuse(too_many(scope));
        }
        let object = Arc::new(object);
        let old = self.objects.insert(name, Arc::clone(&object));
        match old {
            Some(old) if same(&old, &object) => Changed::Nothing,
            old => Changed::Objects(old.into_iter().chain([object]).collect()),
        }
    }

    /// An object that is gone.
    pub(super) fn remove(&mut self, name: &str) -> Changed {
        self.objects.remove(name).map_or(Changed::Nothing, |old| Changed::Objects(vec![old]))
    }

    /// The watch works again after it broke, and nothing was missed.
    pub(super) fn alive(&mut self) -> Changed {
        if matches!(self.standing, Standing::Broken { .. }) {
            self.standing = Standing::Live;
            return Changed::Everything;
        }
        Changed::Nothing
    }

    /// The watch broke; `since` is when something was last heard. What stops a list that was
    /// refused is told instead: what the API server said may have been mended meanwhile.
    pub(super) fn broke(&mut self, since: Mono, why: String) -> Changed {
        self.standing = match &self.standing {
            Standing::Starting(_) | Standing::Refused(_) => Standing::Starting(Some(why)),
            Standing::Live => Standing::Broken { since, why },
            Standing::Broken { since, .. } => Standing::Broken { since: *since, why },
        };
        // Nobody has to run because of it: until a minute has passed the answer is the same.
        Changed::Nothing
    }

    /// Nothing can be known until somebody mends it.
    pub(super) fn refuse(&mut self, error: ObjectsError) -> Changed {
        self.objects.clear();
        if let Standing::Refused(known) = &self.standing
            && *known == error
        {
            return Changed::Nothing;
        }
        self.standing = Standing::Refused(error);
        Changed::Everything
    }

    /// Whether it was refused.
    pub(super) const fn is_refused(&self) -> bool {
        matches!(self.standing, Standing::Refused(_))
    }

    /// How many objects are kept.
    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    /// One of [`STANDINGS`].
    pub(super) const fn standing(&self) -> &'static str {
        match self.standing {
            Standing::Starting(_) => STANDINGS[0],
            Standing::Live => STANDINGS[1],
            Standing::Broken { .. } => STANDINGS[2],
            Standing::Refused(_) => STANDINGS[3],
        }
    }
}

/// Why a watch of so many objects is none.
pub(super) fn too_many(scope: &Scope) -> ObjectsError {
    ObjectsError::TooMany { what: scope.to_string(), most: MOST_OBJECTS }
}

/// Whether two versions of an object say the same. Nodes say every few minutes when their
/// conditions were last looked at.
fn same(old: &Value, new: &Value) -> bool {
    if old == new {
        return true;
    }
    if new["kind"] != "Node" {
        return false;
    }
    let without = |object: &Value| {
        let mut object = object.clone();
        let conditions = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut);
        for condition in conditions.into_iter().flatten() {
            if let Some(condition) = condition.as_object_mut() {
                condition.remove("lastHeartbeatTime");
            }
        }
        object
    };
    without(old) == without(new)
}
