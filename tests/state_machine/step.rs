//! What can happen.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use proptest::{option::weighted, prelude::*};

use crate::{
    ask::{Ask, Wish},
    faults::Fault,
    world::{Ground, Look, REMEDIATIONS, World},
};

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The leader looks at a remediation; something goes wrong with one of its calls, or others act before one.
    Pass(usize, Option<Fault>, Option<(usize, Deed)>),
    /// The leader is cut off at a call, and another takes over.
    Crash(usize, usize),
    /// Another leader takes over.
    NewLeader,
    /// Others act.
    Deed(Deed),
    /// The emergency stop is set, or lifted.
    Stop(bool),
    /// Nothing happens any more.
    Rest,
}

/// What others than the agent do.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// A person, or the SaaS, asks for something.
    Ask(Ask),
    /// Another party sets the replicas.
    Theirs(i32),
    /// The controllers have seen the spec.
    Settle,
    /// The target goes, and another of its name comes.
    Replace,
}

pub(crate) fn steps() -> impl Strategy<Value = Step> {
    let which = || 0..REMEDIATIONS;
    let amid = weighted(0.3, (0..16_usize, deed()));
    prop_oneof![
        8 => (which(), weighted(0.3, Fault::within(10)), amid).prop_map(|(which, fault, amid)| Step::Pass(which, fault, amid)),
        3 => (which(), 0..12_usize).prop_map(|(which, call)| Step::Crash(which, call)),
        1 => Just(Step::NewLeader),
        12 => deed().prop_map(Step::Deed),
        1 => any::<bool>().prop_map(Step::Stop),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => Ask::any().prop_map(Deed::Ask),
        1 => (4..8).prop_map(Deed::Theirs),
        2 => Just(Deed::Settle),
        1 => Just(Deed::Replace),
    ]
}

impl Step {
    /// Takes the step; how everything stood in its course, and what led there.
    pub(crate) async fn take(&self, world: &mut World) -> Vec<(Look, Self)> {
        let amid = Arc::new(Mutex::new(Vec::new()));
        match self {
            Self::Pass(which, fault, deed) => {
                let deed = deed.clone().map(|(call, deed)| {
                    let (ground, amid, pass) = (world.ground.clone(), amid.clone(), self.clone());
                    let act = async move {
                        let before = ground.look().await;
                        let deed = deed.at(&before);
                        deed.take(&ground).await;
                        let after = ground.look().await;
                        amid.lock().unwrap().extend([(before, pass), (after, Self::Deed(deed))]);
                    };
                    (call, act.boxed())
                });
                world.pass(*which, fault.as_ref(), deed).await;
            }
            Self::Crash(which, call) => world.crash(*which, *call).await,
            Self::NewLeader => world.new_leader(),
            Self::Deed(deed) => {
                let deed = deed.clone().at(&world.ground.look().await);
                deed.take(&world.ground).await;
                return vec![(world.ground.look().await, Self::Deed(deed))];
            }
            Self::Stop(stopped) => world.stop(*stopped),
            Self::Rest => {}
        }
        let mut looks = std::mem::take(&mut *amid.lock().unwrap());
        looks.push((world.ground.look().await, self.clone()));
        looks
    }

    /// Whether the agent acts.
    pub(crate) fn is_the_agents(&self) -> bool {
        matches!(self, Self::Pass(..) | Self::Crash(..) | Self::Rest)
    }

    /// What is asked of this remediation.
    pub(crate) fn wish(&self, which: usize) -> Option<Wish> {
        match self {
            Self::Deed(Deed::Ask(ask)) if ask.which == which => Some(ask.wish),
            _ => None,
        }
    }
}

impl Deed {
    /// The same, of whom it is asked as things stand.
    fn at(self, look: &Look) -> Self {
        match self {
            Self::Ask(ask) => Self::Ask(ask.at(look)),
            other => other,
        }
    }

    async fn take(&self, ground: &Ground) {
        match self {
            Self::Ask(ask) => ask.take(ground).await,
            Self::Theirs(replicas) => ground.theirs(*replicas).await,
            Self::Settle => ground.settle().await,
            Self::Replace => ground.replace().await,
        }
    }
}
