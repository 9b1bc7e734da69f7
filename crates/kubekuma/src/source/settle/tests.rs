//! What a sequence of scans does, sentence by sentence and by random sequences.

mod kit;
mod properties;

use kuma_core::object::Origin;

use kit::{Folder, broken, invalid, key, monitor, secret};

#[test]
fn a_delete_settles_for_five_seconds() {
    let mut folder = Folder::with(&[("a.yaml", &monitor("a", 1)), ("b.yaml", &monitor("b", 1))]);
    folder.remove("b.yaml");
    assert_eq!(folder.scan(10_000), "");
    assert_eq!(folder.settler.deadline(), Some(kit::at(15_000)));
    assert_eq!(folder.scan(14_999), "");
    assert_eq!(folder.in_force(), "a b");
    assert_eq!(folder.scan(15_000), "deleted b");
    assert_eq!(folder.in_force(), "a");
    assert_eq!(folder.settler.deadline(), None);
}

#[test]
fn an_object_that_comes_back_in_time_was_never_away() {
    let mut folder = Folder::with(&[("a.yaml", &monitor("a", 1))]);
    folder.remove("a.yaml");
    assert_eq!(folder.scan(1_000), "");
    folder.write("a.yaml", &monitor("a", 1));
    assert_eq!(folder.scan(5_999), "");
    folder.remove("a.yaml");
    assert_eq!(folder.scan(6_500), "");
    // The five seconds begin anew.
    assert_eq!(folder.scan(11_499), "");
    assert_eq!(folder.scan(11_500), "deleted a");
}

#[test]
fn a_vanished_root_keeps_the_last_catalog_for_a_minute_and_says_so() {
    let mut folder = Folder::with(&[("a.yaml", &monitor("a", 1))]);
    folder.root_missing = true;
    assert_eq!(folder.scan(1_000), "");
    insta::assert_snapshot!(
        folder.settler.snapshot().holding.clone().unwrap_or_default(),
        @"the folder is gone: 1 of 1 objects; the last catalog stays in force for up to 60 s"
    );
    assert_eq!(folder.scan(60_999), "");
    assert_eq!(folder.in_force(), "a");
    assert_eq!(folder.scan(61_000), "deleted a");
    assert_eq!(folder.settler.snapshot().holding, None);
    assert_eq!(folder.settler.deadline(), None);
}

#[test]
fn a_root_that_comes_back_changes_nothing() {
    let mut folder = Folder::with(&[("a.yaml", &monitor("a", 1))]);
    folder.root_missing = true;
    folder.scan(1_000);
    folder.root_missing = false;
    assert_eq!(folder.scan(50_000), "");
    assert_eq!(folder.settler.snapshot().holding, None);
    assert_eq!(folder.settler.deadline(), None);
}

#[test]
fn much_that_vanishes_at_once_stays_for_a_minute() {
    let mut folder = Folder::many(9);
    folder.keep_first(4);
    assert_eq!(folder.scan(1_000), "");
    insta::assert_snapshot!(
        folder.settler.snapshot().holding.clone().unwrap_or_default(),
        @"much vanished at once: 5 of 9 objects; the last catalog stays in force for up to 60 s"
    );
    assert_eq!(folder.settler.deadline(), Some(kit::at(61_000)));
    assert_eq!(folder.scan(60_999), "");
    assert_eq!(folder.scan(61_000), "deleted m4, deleted m5, deleted m6, deleted m7, deleted m8");
}

#[test]
fn fewer_than_five_or_half_are_ordinary_deletes() {
    let mut few = Folder::many(4);
    few.keep_first(0);
    few.scan(1_000);
    assert_eq!(few.settler.snapshot().holding, None);
    assert_eq!(few.scan(6_000), "deleted m0, deleted m1, deleted m2, deleted m3");

    let mut half = Folder::many(10);
    half.keep_first(5);
    half.scan(1_000);
    assert_eq!(half.settler.snapshot().holding, None);
    assert_eq!(half.settler.deadline(), Some(kit::at(6_000)));
}

#[test]
fn a_folder_written_anew_file_by_file_loses_nothing_on_the_way() {
    let mut folder = Folder::many(20);
    folder.keep_first(2);
    folder.scan(1_000);
    // A slow copy: most are back, four are not yet.
    folder.restore(16);
    assert_eq!(folder.scan(30_000), "");
    assert!(folder.settler.snapshot().holding.is_some());
    folder.restore(20);
    assert_eq!(folder.scan(59_000), "");
    assert_eq!(folder.settler.snapshot().holding, None);
}

#[test]
fn deletes_that_become_many_wait_from_their_own_beginning() {
    let mut folder = Folder::many(20);
    folder.keep_first(9);
    folder.scan(0);
    folder.keep_first(0);
    folder.scan(50_000);
    assert_eq!(folder.scan(60_000).split(", ").count(), 11);
    // The others are still held, said to be, and looked at no earlier than they have to be.
    assert!(folder.settler.snapshot().holding.is_some());
    assert_eq!(folder.settler.deadline(), Some(kit::at(110_000)));
    assert_eq!(folder.scan(110_000).split(", ").count(), 9);
    assert_eq!(folder.settler.deadline(), None);
}

#[test]
fn what_vanished_while_the_process_was_stopped_settles_from_the_first_scan_on() {
    let store = Folder::many(4).stored();
    let mut folder = Folder::starting_from(store, &[("a.yaml", &monitor("m0", 0))]);
    assert_eq!(folder.in_force(), "m0 m1 m2 m3");
    assert_eq!(folder.settler.deadline(), Some(kit::at(5_000)));
    assert_eq!(folder.scan(4_999), "");
    assert_eq!(folder.scan(5_000), "deleted m1, deleted m2, deleted m3");
}

#[test]
fn much_that_vanished_while_the_process_was_stopped_stays_for_a_minute() {
    let store = Folder::many(9).stored();
    let mut folder = Folder::starting_from(store, &[("a.yaml", &monitor("m0", 0))]);
    insta::assert_snapshot!(
        folder.settler.snapshot().holding.clone().unwrap_or_default(),
        @"much vanished at once: 8 of 9 objects; the last catalog stays in force for up to 60 s"
    );
    assert_eq!(folder.scan(59_999), "");
    folder.restore(9);
    folder.remove("a.yaml");
    assert_eq!(folder.scan(59_999), "");
    assert_eq!(folder.in_force(), "m0 m1 m2 m3 m4 m5 m6 m7 m8");

    let store = Folder::many(9).stored();
    let mut folder = Folder::starting_from(store, &[]);
    assert_eq!(folder.scan(60_000).split(", ").count(), 9);
}

#[test]
fn a_root_that_is_missing_since_the_start_deletes_nothing_until_it_is_there() {
    let store = Folder::many(9).stored();
    let mut folder = Folder::without_root(store);
    insta::assert_snapshot!(
        folder.settler.snapshot().holding.clone().unwrap_or_default(),
        @"the folder has not been there since the start: 9 of 9 objects stay in force as they last were"
    );
    assert_eq!(folder.settler.deadline(), None);
    assert_eq!(folder.scan(3_600_000), "");
    assert_eq!(folder.in_force().split(' ').count(), 9);
    folder.root_missing = false;
    folder.restore(8);
    assert_eq!(folder.scan(3_601_000), "");
    assert_eq!(folder.settler.snapshot().holding, None);
    assert_eq!(folder.scan(3_606_000), "deleted m8");
}

#[test]
fn a_broken_file_keeps_its_objects_and_stops_no_other() {
    let both = format!("{}---\n{}", monitor("a", 1), monitor("b", 1));
    let mut folder = Folder::with(&[("ab.yaml", &both), ("c.yaml", &monitor("c", 1))]);
    folder.write("ab.yaml", broken());
    folder.write("c.yaml", &monitor("c", 2));
    let changes = folder.scan(1_000);
    assert_eq!(changes, "applied c (spec.schedule.intervalSeconds), rejected a, rejected b");
    assert_eq!(folder.scan(600_000), "");
    assert_eq!(folder.in_force(), "a b c");
    let snapshot = folder.settler.snapshot();
    assert!(snapshot.invalid[&key("a")].last_valid_in_force);
    assert_eq!(snapshot.broken_files.len(), 1);
    folder.write("ab.yaml", &monitor("a", 1));
    assert_eq!(folder.scan(700_000), "");
    assert_eq!(folder.scan(705_000), "deleted b");
    assert!(folder.settler.snapshot().broken_files.is_empty());
    assert!(folder.settler.snapshot().invalid.is_empty());
}

#[test]
fn a_folder_that_cannot_be_read_keeps_what_lies_below_it() {
    let mut folder =
        Folder::with(&[("team/a.yaml", &monitor("a", 1)), ("b.yaml", &monitor("b", 1))]);
    folder.remove("team/a.yaml");
    folder.unreadable = vec!["team".into()];
    folder.scan(1_000);
    assert_eq!(folder.scan(600_000), "");
    assert_eq!(folder.in_force(), "a b");
}

#[test]
fn a_missing_root_does_not_make_another_roots_broken_file_lose_its_objects() {
    let mut folder = Folder::with(&[("a.yaml", &monitor("a", 1))]);
    folder.write("a.yaml", broken());
    folder.other_root_missing = true;
    folder.scan(1_000);
    folder.scan(100_000);
    assert_eq!(folder.in_force(), "a");
}

#[test]
fn an_invalid_object_keeps_its_last_valid_version() {
    let mut folder = Folder::with(&[("a.yaml", &monitor("a", 1))]);
    let before = folder.settler.snapshot().objects[&key("a")].raw.clone();
    folder.write("a.yaml", &invalid("a"));
    assert_eq!(folder.scan(1_000), "rejected a");
    // Told once, not at every scan.
    assert_eq!(folder.scan(90_000), "");
    let snapshot = folder.settler.snapshot();
    assert_eq!(snapshot.objects[&key("a")].raw, before);
    assert!(snapshot.invalid[&key("a")].last_valid_in_force);
    folder.write("a.yaml", &monitor("a", 2));
    assert_eq!(folder.scan(91_000), "applied a (spec.schedule.intervalSeconds)");
    assert!(folder.settler.snapshot().invalid.is_empty());
}

#[test]
fn an_object_that_was_never_valid_is_not_in_force() {
    let folder = Folder::with(&[("a.yaml", &invalid("a"))]);
    assert_eq!(folder.in_force(), "");
    assert!(!folder.settler.snapshot().invalid[&key("a")].last_valid_in_force);
}

#[test]
fn after_a_restart_the_stored_version_stands_in_for_what_is_broken() {
    let two = [("a.yaml", &*monitor("a", 1)), ("b.yaml", &*monitor("b", 1))];
    let store = Folder::with(&two).stored();
    let mut folder =
        Folder::starting_from(store, &[("a.yaml", &invalid("a")), ("b.yaml", broken())]);
    assert_eq!(folder.in_force(), "a b");
    assert!(folder.settler.snapshot().invalid[&key("a")].last_valid_in_force);
    assert_eq!(folder.scan(600_000), "");
    // What the broken file turns out not to hold is deleted then.
    folder.write("b.yaml", &monitor("c", 1));
    assert_eq!(folder.scan(601_000), "applied c (new)");
    assert_eq!(folder.scan(606_000), "deleted b");
    assert_eq!(folder.in_force(), "a c");
}

#[test]
fn an_unchanged_object_keeps_its_generation_over_a_restart() {
    let mut first = Folder::with(&[("a.yaml", &monitor("a", 1))]);
    first.write("a.yaml", &monitor("a", 2));
    first.scan(1_000);
    let folder = Folder::starting_from(first.stored(), &[("a.yaml", &monitor("a", 2))]);
    let object = &folder.settler.snapshot().objects[&key("a")];
    assert_eq!(object.meta.generation, 2);
    assert!(matches!(object.origin, Origin::File { .. }));
    assert_eq!(folder.first_changes, "");
}

#[test]
fn the_same_object_in_two_files_is_an_error_on_the_later_path() {
    let mut folder = Folder::with(&[("b.yaml", &monitor("a", 1))]);
    folder.write("c.yaml", &monitor("a", 2));
    assert_eq!(folder.scan(1_000), "rejected a");
    let snapshot = folder.settler.snapshot();
    let Some(rejected) = snapshot.invalid.get(&key("a")) else { panic!("no error") };
    assert_eq!(rejected.origin.to_string(), "/config/c.yaml:1");
    insta::assert_snapshot!(
        rejected.problems[0].to_string(),
        @"metadata.name: the same object is already written at /config/b.yaml:1; remove one of the two, or give it another name"
    );
    assert_eq!(snapshot.objects[&key("a")].origin.to_string(), "/config/b.yaml:1");
    assert_eq!(snapshot.objects[&key("a")].meta.generation, 1);
    folder.remove("b.yaml");
    assert_eq!(folder.scan(2_000), "applied a (spec.schedule.intervalSeconds)");
    assert!(folder.settler.snapshot().invalid.is_empty());
}

#[test]
fn an_invalid_first_does_not_let_a_later_path_take_over() {
    let mut folder = Folder::with(&[("b.yaml", &monitor("a", 1)), ("c.yaml", &monitor("a", 2))]);
    folder.write("b.yaml", &invalid("a"));
    assert_eq!(folder.scan(1_000), "rejected a");
    let snapshot = folder.settler.snapshot();
    assert_eq!(snapshot.objects[&key("a")].meta.generation, 1);
    let rejected = &snapshot.invalid[&key("a")];
    assert_eq!(rejected.origin.to_string(), "/config/b.yaml:1");
    let last = rejected.problems.last().map(ToString::to_string).unwrap_or_default();
    assert!(last.contains("also written at /config/c.yaml:1"), "{last}");
}

#[test]
fn the_generation_counts_changes_and_nothing_else() {
    let mut folder = Folder::with(&[("a.yaml", &monitor("a", 1))]);
    let generation = |folder: &Folder| folder.settler.snapshot().objects[&key("a")].meta.generation;
    assert_eq!(generation(&folder), 1);
    // Another place, a comment: the same object.
    folder.remove("a.yaml");
    folder.write("z.yaml", &format!("# moved\n\n{}", monitor("a", 1)));
    assert_eq!(folder.scan(1_000), "");
    assert_eq!(generation(&folder), 1);
    let origin = folder.settler.snapshot().objects[&key("a")].origin.to_string();
    assert!(origin.starts_with("/config/z.yaml"), "{origin}");
    folder.write("z.yaml", &monitor("a", 2));
    folder.scan(2_000);
    assert_eq!(generation(&folder), 2);
    folder.write("z.yaml", &invalid("a"));
    folder.scan(3_000);
    assert_eq!(generation(&folder), 2);
}

#[test]
fn a_rename_is_a_creation_and_a_delete() {
    let mut folder = Folder::with(&[("a.yaml", &monitor("old", 1))]);
    folder.write("a.yaml", &monitor("new", 1));
    assert_eq!(folder.scan(1_000), "applied new (new)");
    assert_eq!(folder.in_force(), "new old");
    assert_eq!(folder.scan(6_000), "deleted old");
}

#[test]
fn a_secret_changes_when_its_values_or_labels_do() {
    let mut folder = Folder::with(&[("s.yaml", &secret("one", ""))]);
    assert_eq!(folder.scan(1_000), "");
    folder.write("s.yaml", &format!("# a comment\n{}", secret("one", "")));
    assert_eq!(folder.scan(2_000), "");
    folder.write("s.yaml", &secret("two", ""));
    // No path is named: it could only point into the secret.
    assert_eq!(folder.scan(3_000), "applied hook ()");
    folder.write("s.yaml", &secret("two", "kubekuma.io/use"));
    assert_eq!(folder.scan(4_000), "applied hook ()");
    let snapshot = folder.settler.snapshot();
    assert_eq!(snapshot.objects.values().map(|o| o.meta.generation).collect::<Vec<_>>(), [3]);
    assert!(snapshot.objects.values().all(|object| object.raw.value().is_null()));
}
