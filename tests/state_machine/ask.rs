//! What people and the SaaS ask for, over a way to the API server that may fail as well.

use proptest::{bool, option::weighted, prelude::*};
use zen_agent::{
    identity::Role,
    remediation::{
        Phase,
        approval::{Decider, approve, cancel, reject},
        requests::{Asked, retry, rollback},
    },
};

use crate::{
    faults::{Fault, Faults},
    world::{Ground, Look, REMEDIATIONS},
};

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) which: usize,
    pub(crate) wish: Wish,
    /// Whether it is asked of the next one for which it makes sense, if there is one.
    aimed: bool,
    /// Whether it is decided on what was read for an earlier request.
    late: bool,
    fault: Option<Fault>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Approve,
    Reject,
    /// The SaaS takes its task back.
    Cancel,
    /// In the request of this id.
    Retry(&'static str),
    Rollback,
}

impl Ask {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let request = prop_oneof![Just("one"), Just("two"), Just("three")];
        let wish = prop_oneof![
            4 => Just(Wish::Approve),
            1 => Just(Wish::Reject),
            1 => Just(Wish::Cancel),
            5 => request.prop_map(Wish::Retry),
            5 => Just(Wish::Rollback),
        ];
        let fault = weighted(0.2, Fault::within(3));
        (0..REMEDIATIONS, wish, bool::weighted(0.7), bool::weighted(0.2), fault).prop_map(|(which, wish, aimed, late, fault)| Self {
            which,
            wish,
            aimed,
            late,
            fault,
        })
    }

    /// The same, of whom it is asked as things stand.
    pub(crate) fn at(self, look: &Look) -> Self {
        let sense = match self.wish {
            Wish::Approve | Wish::Reject | Wish::Cancel => Phase::Pending,
            Wish::Retry(_) => Phase::Failed,
            Wish::Rollback => Phase::Succeeded,
        };
        let mut others = (self.which..REMEDIATIONS).chain(0..self.which);
        match others.find(|which| look.remediations[*which].phase() == sense) {
            Some(which) if self.aimed => Self { which, ..self },
            _ => self,
        }
    }

    pub(crate) async fn take(&self, ground: &Ground) {
        let by = Decider { subject: "ada", role: Role::Approver };
        let asked = |request| Asked { by, reason: "so be it", request };
        let object = ground.read_by_a_person(self.which, self.late).await;
        let faults = Faults::default();
        faults.plan(self.fault.as_ref(), None);
        let (api, events) = (ground.remediations_through(faults.client(ground.client.clone())), &ground.events);
        let decided = match self.wish {
            Wish::Approve => approve(&api, events, object, by, None).await,
            Wish::Reject => reject(&api, events, object, by, None).await,
            Wish::Cancel => cancel(&api, events, object, by, None).await,
            Wish::Retry(request) => retry(&api, events, object, asked(request)).await,
            Wish::Rollback => rollback(&api, events, object, asked("undo")).await,
        };
        // Whether it was refused, or failed, shows on the object.
        drop(decided);
    }
}
