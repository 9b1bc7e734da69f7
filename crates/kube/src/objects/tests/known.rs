//! What a watch knows, event by event.

use std::collections::BTreeMap;
use std::sync::Arc;

use kuma_core::check::kubernetes::{ObjectQuery, ObjectsError};
use kuma_core::time::Mono;
use serde_json::{Value, json};

use super::kit::deployment;
use crate::objects::plan::{Scope, Which};
use crate::objects::state::{Changed, MOST_OBJECTS, State};

fn at(seconds: u64) -> Mono {
    Mono(seconds * 1_000_000_000)
}

fn object(name: &str, ready: u32) -> Value {
    json!({"kind": "Deployment", "metadata": {"name": name}, "status": {"readyReplicas": ready}})
}

fn list(objects: &[Value]) -> BTreeMap<String, Arc<Value>> {
    let name = |it: &Value| it["metadata"]["name"].as_str().unwrap().to_owned();
    objects.iter().map(|it| (name(it), Arc::new(it.clone()))).collect()
}

fn scope() -> Scope {
    let query = deployment("web");
    Scope {
        kind: query.kind,
        namespace: query.namespace,
        cluster_scoped: true,
        which: Which::Labels("app=web".parse().unwrap()),
    }
}

fn found(state: &State, query: &ObjectQuery, seconds: u64) -> usize {
    state.look(query, at(seconds)).unwrap().unwrap().len()
}

#[test]
fn nothing_is_said_before_the_first_list() {
    let (mut state, web) = (State::default(), deployment("web"));
    assert!(state.look(&web, at(0)).is_none());
    assert!(matches!(state.not_yet(&web), ObjectsError::NotSynced(_)));
    state.broke(at(0), "refused".to_owned());
    assert!(state.look(&web, at(0)).is_none());
    assert!(matches!(state.not_yet(&web), ObjectsError::Unavailable { .. }));
    assert!(matches!(state.replace(list(&[])), Changed::Everything));
    assert_eq!(found(&state, &web, 0), 0);
}

#[test]
fn only_those_hear_of_a_change_who_look_at_the_object() {
    let (mut state, web, other) = (State::default(), deployment("web"), deployment("other"));
    state.replace(list(&[object("web", 1)]));
    let changed = state.put(&scope(), "web".to_owned(), object("web", 2));
    assert!(changed.concerns(&web) && !changed.concerns(&other));
    let same = state.put(&scope(), "web".to_owned(), object("web", 2));
    assert!(matches!(same, Changed::Nothing));
    let relisted = state.replace(list(&[object("web", 2), object("other", 1)]));
    assert!(relisted.concerns(&other) && !relisted.concerns(&web));
    assert!(matches!(
        state.replace(list(&[object("web", 2), object("other", 1)])),
        Changed::Nothing
    ));
    let gone = state.replace(list(&[object("other", 1)]));
    assert!(gone.concerns(&web) && !gone.concerns(&other));
    assert!(state.remove("other").concerns(&other));
    assert!(matches!(state.remove("other"), Changed::Nothing));
    assert_eq!(state.len(), 0);
}

#[test]
fn a_node_that_only_says_that_it_lives_has_not_changed() {
    let node = |beat: &str, ready: &str| {
        json!({"kind": "Node", "metadata": {"name": "n1"}, "status": {"conditions": [
            {"type": "Ready", "status": ready, "lastHeartbeatTime": beat}]}})
    };
    let mut state = State::default();
    state.replace(list(&[node("1", "True")]));
    let beat = state.put(&scope(), "n1".to_owned(), node("2", "True"));
    assert!(matches!(beat, Changed::Nothing));
    assert!(matches!(
        state.put(&scope(), "n1".to_owned(), node("3", "False")),
        Changed::Objects(_)
    ));
}

#[test]
fn what_was_known_is_used_for_a_minute_after_the_watch_broke() {
    let (mut state, web) = (State::default(), deployment("web"));
    state.replace(list(&[object("web", 1)]));
    state.broke(at(100), "reset".to_owned());
    // Trying again and failing again does not make it younger.
    state.broke(at(150), "refused".to_owned());
    assert_eq!(found(&state, &web, 160), 1);
    let Some(Err(error)) = state.look(&web, at(161)) else {
        panic!("too old");
    };
    assert_eq!(
        error.to_string(),
        "the API server cannot be asked about apps/v1 Deployment shop/web: nothing has been heard for 61 s: refused"
    );
    assert!(matches!(state.alive(), Changed::Everything));
    assert_eq!(found(&state, &web, 1000), 1);
    assert!(matches!(state.alive(), Changed::Nothing));
}

#[test]
fn what_the_api_server_refused_is_said_until_it_cannot_be_asked() {
    let (mut state, web) = (State::default(), deployment("web"));
    state.replace(list(&[object("web", 1)]));
    let unknown = || ObjectsError::UnknownKind(web.kind.clone());
    assert!(matches!(state.refuse(unknown()), Changed::Everything));
    assert!(matches!(state.refuse(unknown()), Changed::Nothing));
    assert_eq!(state.look(&web, at(0)), Some(Err(unknown())));
    // It said so before it went away; it may have been mended since.
    state.broke(at(0), "refused".to_owned());
    assert!(state.look(&web, at(0)).is_none());
}

#[test]
fn more_objects_than_are_kept_are_refused() {
    let mut state = State::default();
    let many: Vec<Value> = (0..MOST_OBJECTS).map(|it| object(&format!("o{it}"), 1)).collect();
    state.replace(list(&many));
    state.put(&scope(), "o7".to_owned(), object("o7", 2));
    assert!(!state.is_refused());
    assert!(matches!(
        state.put(&scope(), "more".to_owned(), object("more", 1)),
        Changed::Everything
    ));
    assert!(state.is_refused() && state.len() == 0);
}
