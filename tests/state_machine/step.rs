//! What can happen.

use proptest::prelude::*;
use zen_agent::{
    identity::Role,
    remediation::approval::{Decider, approve, reject},
};

use crate::{
    faults::Fault,
    world::{REMEDIATIONS, World},
};

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The leader looks at a remediation, and something goes wrong with one of its calls, or nothing.
    Pass(usize, Option<Fault>),
    /// The leader is cut off at a call, and another takes over.
    Crash(usize, usize),
    /// Another leader takes over.
    NewLeader,
    /// A person says yes.
    Approve(usize),
    /// A person says no.
    Reject(usize),
    /// Another party sets the replicas.
    Theirs(i32),
    /// The controllers have seen the spec.
    Settle,
    /// The target goes, and another of its name comes.
    Replace,
    /// The emergency stop is set, or lifted.
    Stop(bool),
    /// Nothing happens any more.
    Rest,
}

pub(crate) fn steps() -> impl Strategy<Value = Step> {
    let which = || 0..REMEDIATIONS;
    prop_oneof![
        8 => (which(), proptest::option::weighted(0.4, Fault::any())).prop_map(|(which, fault)| Step::Pass(which, fault)),
        3 => (which(), 0..12_usize).prop_map(|(which, call)| Step::Crash(which, call)),
        1 => Just(Step::NewLeader),
        3 => which().prop_map(Step::Approve),
        1 => which().prop_map(Step::Reject),
        2 => (4..8).prop_map(Step::Theirs),
        2 => Just(Step::Settle),
        1 => Just(Step::Replace),
        1 => any::<bool>().prop_map(Step::Stop),
    ]
}

impl Step {
    pub(crate) async fn take(&self, world: &mut World) {
        let ada = Decider { subject: "ada", role: Role::Approver };
        match self {
            Self::Pass(which, fault) => world.pass(*which, fault.as_ref()).await,
            Self::Crash(which, call) => world.crash(*which, *call).await,
            Self::NewLeader => world.new_leader(),
            // What is too late for a decision is refused, which changes nothing.
            Self::Approve(which) => drop(approve(&world.remediations(), &world.events, world.read(*which).await, ada, None).await),
            Self::Reject(which) => drop(reject(&world.remediations(), &world.events, world.read(*which).await, ada, None).await),
            Self::Theirs(replicas) => world.theirs(*replicas).await,
            Self::Settle => world.settle().await,
            Self::Replace => world.replace().await,
            Self::Stop(stopped) => world.stop(*stopped),
            Self::Rest => {}
        }
    }
}
