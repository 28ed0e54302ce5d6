//! Who trains which run: one file per claimed run, made so that only one of many can make it, on whatever hosts they are.
//!
//! A claim is a file that is linked to its name: link(2) gives a name to one file and refuses all others, over NFS too. A claim
//! that is there is changed, taken over or given back, only by who holds the run's turn, a second file made likewise, and
//! only after another look at it: so nothing that somebody else has claimed meanwhile is touched.

use super::layout::{self, Layout, Part};
use super::owner::{self, Observer};
use super::{atomic, owned, read};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Instant;

/// Largest claim, in bytes.
const LARGEST: u64 = 4096;

/// A claim as it stands in its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Who claims: the name of a file of `claims/owners`.
    pub owner: String,
    /// Name of the owner's host, for people.
    pub host: String,
    /// How often this run has been claimed since its training was asked for: one more than workers that died of it without a word.
    pub attempt: u32,
}

/// A claim that is there, with the words of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Id of the run.
    pub id: String,
    text: String,
}

impl Claimed {
    /// What it says; nothing where it is just being written, or by another program.
    pub fn claim(&self) -> Option<Claim> {
        let claim: Claim = serde_json::from_str(&self.text).ok()?;
        layout::is_owner(&claim.owner).then_some(claim)
    }

    fn owner(&self) -> String {
        self.claim().map(|claim| claim.owner).unwrap_or_default()
    }
}

/// All claims, by the id of their run.
pub(super) fn list(layout: &Layout) -> anyhow::Result<BTreeMap<String, Claimed>> {
    let entries = owned::list(&layout.part(Part::Claims))?;
    let names = entries.iter().filter_map(|entry| entry.file_name().to_str().map(str::to_string));
    let ids = names.filter(|name| layout::is_id(name));
    Ok(ids.filter_map(|id| Some((id.clone(), find(layout, &id)?))).collect())
}

fn find(layout: &Layout, id: &str) -> Option<Claimed> {
    let bytes = read::regular(&layout.claim(id), LARGEST).ok()?;
    Some(Claimed { id: id.to_string(), text: String::from_utf8_lossy(&bytes).into_owned() })
}

/// The host of the owner of a claim, unless the owner is gone for all that this machine sees.
pub(super) fn held_on(layout: &Layout, claimed: &Claimed) -> Option<String> {
    let claim = claimed.claim()?;
    (!owner::is_gone(layout, &claim.owner)).then_some(claim.host)
}

/// Whether the owner of a claim is dead.
pub(super) fn is_dead(layout: &Layout, claimed: &Claimed, observer: &mut Observer, now: Instant) -> bool {
    // One without words counts as that of an owner without a name, who never beats.
    observer.is_dead(layout, &claimed.owner(), now)
}

/// Claims of one owner, each a file that was written inside the owner's own folder first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hand<'a> {
    pub layout: &'a Layout,
    /// The owner's folder for work.
    pub work: &'a Path,
    pub owner: &'a str,
}

impl Hand<'_> {
    /// Claims a run that nobody has claimed; whether it did.
    pub(super) fn claim(&self, id: &str, attempt: u32) -> anyhow::Result<bool> {
        self.link(id, &self.layout.claim(id), attempt)
    }

    /// Puts a claim in the place of a dead one, as long as that is what stands there; whether it did.
    pub(super) fn take_over(&self, dead: &Claimed, attempt: u32) -> anyhow::Result<bool> {
        let id = &dead.id;
        let taken = self.in_turn(id, || {
            if find(self.layout, id).as_ref() != Some(dead) {
                return Ok(false);
            }
            let place = self.layout.claim(id);
            let staged = self.stage(id, attempt)?;
            // In one step, so that there is no moment without a claim.
            atomic::rename(&staged, &place).with_context(|| format!("cannot write {}", place.display()))?;
            Ok(true)
        })?;
        Ok(taken.unwrap_or(false))
    }

    /// Whether the claim of a run is this owner's.
    pub(super) fn holds(&self, id: &str) -> bool {
        find(self.layout, id).is_some_and(|found| found.owner() == self.owner)
    }

    /// Gives a claim of some owner back, if it still is that one's. Where somebody else has the turn they are taking it over.
    pub(super) fn release(&self, id: &str, owner: &str) {
        let give_back = || {
            if find(self.layout, id).is_some_and(|found| found.owner() == owner) {
                atomic::remove_file(&self.layout.claim(id));
            }
            Ok(())
        };
        // On a full disk without the turn: nobody takes over from who lives, and that a claim stays would be worse.
        if self.in_turn(id, give_back).is_err() {
            let _ = give_back();
        }
    }

    /// Frees the turns of owners that died with them.
    pub(super) fn free_turns(&self, observer: &mut Observer, now: Instant) -> anyhow::Result<()> {
        for entry in owned::list(&self.layout.part(Part::Claims))? {
            let name = entry.file_name();
            let Some(id) = name.to_str().and_then(|name| name.strip_suffix(layout::TURN)) else { continue };
            let turn = || -> Option<Claimed> {
                let bytes = read::regular(&self.layout.turn(id), LARGEST).ok()?;
                Some(Claimed { id: id.to_string(), text: String::from_utf8_lossy(&bytes).into_owned() })
            };
            let Some(found) = turn().filter(|turn| is_dead(self.layout, turn, observer, now)) else {
                continue;
            };
            // Only one of many can rename it away; what is not the dead one goes back.
            let away = self.work.join(layout::claim_file(id));
            if atomic::rename(&self.layout.turn(id), &away).is_err() {
                continue;
            }
            let moved = read::regular(&away, LARGEST).unwrap_or_default();
            if String::from_utf8_lossy(&moved) != found.text {
                let _ = atomic::link_new(&away, &self.layout.turn(id));
            }
            atomic::remove_file(&away);
        }
        Ok(())
    }

    /// Does something while no other changes the claim of a run; nothing where another is about to.
    fn in_turn<T>(&self, id: &str, act: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<Option<T>> {
        let turn = self.layout.turn(id);
        if !self.link(id, &turn, 0)? {
            return Ok(None);
        }
        let done = act();
        atomic::remove_file(&turn);
        done.map(Some)
    }

    fn stage(&self, id: &str, attempt: u32) -> anyhow::Result<std::path::PathBuf> {
        let host = owner::host(self.layout, self.owner);
        let claim = Claim { owner: self.owner.to_string(), host, attempt };
        let staged = self.work.join(layout::claim_file(id));
        // Never written over: what is left of an earlier one may be the file of a claim.
        atomic::remove_file(&staged);
        if let Err(error) = atomic::write(&staged, &serde_json::to_vec(&claim)?) {
            atomic::remove_file(&staged);
            return Err(error);
        }
        Ok(staged)
    }

    fn link(&self, id: &str, place: &Path, attempt: u32) -> anyhow::Result<bool> {
        // Most often it is there: asking first spares a file.
        if fs::symlink_metadata(place).is_ok() {
            return Ok(false);
        }
        let staged = self.stage(id, attempt)?;
        let linked = match atomic::link_new(&staged, place) {
            // A file system without links: a name is still given once, and its file is without words for a moment.
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
                atomic::copy_new(&staged, place)
            }
            linked => linked,
        };
        atomic::remove_file(&staged);
        linked.with_context(|| format!("cannot write {}", place.display()))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make the files they need")]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use std::sync::Barrier;

    /// A store, and folders for the work of so many owners.
    fn store(owners: usize) -> (tempfile::TempDir, Layout, Vec<(String, PathBuf)>) {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        owned::make(&layout).unwrap();
        let owner = |number: usize| {
            let name = format!("{number:032x}");
            let work = layout.part(Part::Staging).join(&name);
            fs::create_dir(&work).unwrap();
            (name, work)
        };
        let owners = (1..=owners).map(owner).collect();
        (folder, layout, owners)
    }

    fn hand<'a>(layout: &'a Layout, (owner, work): &'a (String, PathBuf)) -> Hand<'a> {
        Hand { layout, work, owner }
    }

    #[test]
    fn of_many_takers_one_wins_and_a_run_is_never_without_a_claim() {
        let takers = 12;
        let (_folder, layout, owners) = store(takers + 1);
        for round in 0..60_u64 {
            let id = format!("{round:016x}");
            assert!(hand(&layout, &owners[takers]).claim(&id, 1).unwrap());
            let dead = find(&layout, &id).unwrap();
            let barrier = Barrier::new(takers);
            let won: Vec<bool> = std::thread::scope(|scope| {
                let threads: Vec<_> = owners[..takers]
                    .iter()
                    .enumerate()
                    .map(|(place, owner)| {
                        let (hand, barrier, dead, id) = (hand(&layout, owner), &barrier, &dead, &id);
                        scope.spawn(move || {
                            barrier.wait();
                            // Some saw the dead claim, others come only now.
                            let won = match place % 2 {
                                0 => hand.take_over(dead, 2).unwrap(),
                                _ => hand.claim(id, 1).unwrap(),
                            };
                            assert!(won == hand.holds(id) || !won);
                            won
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let winners: Vec<usize> = (0..takers).filter(|place| won[*place]).collect();
            assert_eq!(winners.len(), 1, "{winners:?}");
            assert_eq!(find(&layout, &id).unwrap().claim().unwrap().owner, owners[winners[0]].0);
            assert!(winners.iter().all(|winner| winner % 2 == 0), "claimed what was claimed");
        }
        assert_eq!(fs::read_dir(layout.part(Part::Claims)).unwrap().count(), 60 + 1, "turns are left");
        assert!(owners.iter().all(|(_, work)| fs::read_dir(work).unwrap().count() == 0));
    }

    #[test]
    fn of_many_claims_of_a_free_run_one_wins() {
        let (_folder, layout, owners) = store(8);
        for round in 0..60_u64 {
            let id = format!("{round:016x}");
            let barrier = Barrier::new(owners.len());
            let won = std::thread::scope(|scope| {
                let claim = |owner| {
                    let (hand, barrier, id) = (hand(&layout, owner), &barrier, &id);
                    scope.spawn(move || {
                        barrier.wait();
                        hand.claim(id, 1).unwrap()
                    })
                };
                let threads: Vec<_> = owners.iter().map(claim).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).filter(|won| *won).count()
            });
            assert_eq!(won, 1);
        }
    }

    #[test]
    fn what_another_has_claimed_meanwhile_is_neither_taken_nor_given_back() {
        let (_folder, layout, owners) = store(3);
        let [first, second, third] = [0, 1, 2].map(|place| hand(&layout, &owners[place]));
        let id = "0123456789abcdef";
        assert!(first.claim(id, 1).unwrap() && !second.claim(id, 1).unwrap());
        let dead = find(&layout, id).unwrap();
        assert!(second.take_over(&dead, 2).unwrap());
        // Who saw the first one dead comes late, and the first one wakes.
        assert!(!third.take_over(&dead, 2).unwrap());
        first.release(id, first.owner);
        assert!(second.holds(id) && !first.holds(id));
        assert_eq!(find(&layout, id).unwrap().claim().unwrap().attempt, 2);
        second.release(id, second.owner);
        assert!(find(&layout, id).is_none() && third.claim(id, 1).unwrap());
    }

    #[test]
    fn a_claim_that_cannot_be_written_is_an_error_and_nobodys() {
        let (_folder, layout, owners) = store(2);
        let id = "0123456789abcdef";
        fs::remove_dir(&owners[0].1).unwrap();
        assert!(hand(&layout, &owners[0]).claim(id, 1).is_err());
        assert!(find(&layout, id).is_none());
        let second = hand(&layout, &owners[1]);
        assert!(second.claim(id, 1).unwrap());
        let dead = find(&layout, id).unwrap();
        assert!(hand(&layout, &owners[0]).take_over(&dead, 2).is_err());
        assert!(second.holds(id));
        // Where no turn can be written a claim is given back all the same.
        fs::remove_dir(&owners[1].1).unwrap();
        second.release(id, second.owner);
        assert!(find(&layout, id).is_none());
    }

    #[test]
    fn a_turn_that_died_with_its_owner_is_freed_after_the_lease() {
        let (_folder, layout, owners) = store(2);
        let id = "0123456789abcdef";
        let (first, second) = (hand(&layout, &owners[0]), hand(&layout, &owners[1]));
        assert!(first.claim(id, 1).unwrap());
        assert!(first.link(id, &layout.turn(id), 0).unwrap());
        let dead = find(&layout, id).unwrap();
        assert!(!second.take_over(&dead, 2).unwrap(), "somebody has the turn");
        let (mut observer, start) = (Observer::default(), Instant::now());
        let lease = owner::LEASE.as_secs();
        for second_of in 0..lease {
            second.free_turns(&mut observer, start + std::time::Duration::from_secs(second_of)).unwrap();
            assert!(layout.turn(id).exists());
        }
        second.free_turns(&mut observer, start + std::time::Duration::from_secs(lease)).unwrap();
        assert!(!layout.turn(id).exists() && second.take_over(&dead, 2).unwrap());
    }
}
