//! What must hold however members come and go.

use proptest::prelude::*;

use super::*;

fn id(number: usize) -> MemberId {
    MemberId(format!("kubekuma-{number}"))
}

fn member(number: usize, alive: bool) -> Member {
    Member { id: id(number), joined: i64::try_from(number).unwrap(), alive }
}

fn view(alive: &[bool], owner: impl Fn(Shard) -> Option<usize>) -> View {
    View {
        members: alive.iter().enumerate().map(|(number, alive)| member(number, *alive)).collect(),
        shards: Shard::all()
            .map(|shard| Row { shard, owner: owner(shard).map(id), epoch: 1 })
            .collect(),
    }
}

/// One round: everybody who lives plans on the same view, then all plans are carried out.
fn round(view: &mut View, mode: Mode) -> u32 {
    let living: Vec<MemberId> =
        view.members.iter().filter(|m| m.alive).map(|m| m.id.clone()).collect();
    let plans: Vec<(MemberId, Plan)> =
        living.into_iter().map(|id| (id.clone(), plan(view, &id, mode))).collect();
    let mut moved = 0;
    for (id, plan) in plans {
        for row in &mut view.shards {
            if plan.release.contains(row.shard) {
                assert_eq!(row.owner.as_ref(), Some(&id), "released what it does not hold");
                row.owner = None;
                moved += 1;
            }
            if plan.claim.contains(row.shard) {
                row.owner = Some(id.clone());
                row.epoch += 1;
                moved += 1;
            }
        }
    }
    moved
}

fn settle(view: &mut View, mode: Mode) {
    for _ in 0..4 {
        if round(view, mode) == 0 {
            return;
        }
    }
    panic!("shards keep moving: {view:?}");
}

#[test]
fn one_active_instance_keeps_everything_while_it_lives() {
    let mut all = view(&[true, true], |_| Some(1));
    settle(&mut all, Mode::Single);
    assert!(all.shards.iter().all(|row| row.owner == Some(id(1))));
    all.members[1].alive = false;
    settle(&mut all, Mode::Single);
    assert!(all.shards.iter().all(|row| row.owner == Some(id(0)) && row.epoch == 2));
}

#[test]
fn a_member_that_has_expired_does_nothing() {
    let all = view(&[false, true], |_| None);
    assert_eq!(plan(&all, &id(0), Mode::Spread), Plan::default());
    assert_eq!(plan(&all, &id(7), Mode::Spread), Plan::default());
}

#[test]
fn a_shard_of_a_living_member_is_never_claimed() {
    let all = view(&[true, true, true], |_| Some(0));
    for number in [1, 2] {
        assert!(plan(&all, &id(number), Mode::Spread).claim.is_empty());
    }
    assert!(plan(&all, &id(0), Mode::Spread).release.len() > 40);
}

proptest! {
    #[test]
    fn every_shard_finds_a_living_owner_and_no_member_is_overloaded(
        alive in proptest::collection::vec(any::<bool>(), 1..9),
        owners in proptest::collection::vec(proptest::option::of(0_usize..9), 65),
    ) {
        prop_assume!(alive.iter().any(|alive| *alive));
        let living = alive.iter().filter(|alive| **alive).count();
        let mut all = view(&alive, |shard| {
            owners[usize::from(shard.number())].filter(|owner| *owner < alive.len())
        });
        settle(&mut all, Mode::Spread);
        for (number, alive) in alive.iter().enumerate() {
            let held = all.shards.iter().filter(|row| row.owner == Some(id(number))).count();
            let most = if *alive { 65_usize.div_ceil(living) } else { 0 };
            prop_assert!(held <= most, "member {} holds {}", number, held);
        }
        prop_assert!(all.shards.iter().all(|row| row.owner.is_some()));
    }

    #[test]
    fn a_member_more_takes_shards_and_leaves_the_others_with_theirs(count in 1_usize..8) {
        let mut all = view(&vec![true; count], |_| None);
        settle(&mut all, Mode::Spread);
        let before = all.clone();
        all.members.push(member(count, true));
        settle(&mut all, Mode::Spread);
        let moved = before.shards.iter().zip(&all.shards).filter(|(a, b)| a.owner != b.owner);
        // What the newcomer takes, and what the tighter bound pushes from one to another.
        prop_assert!(moved.count() <= 2 * 65_usize.div_ceil(count + 1) + 8);
    }
}
