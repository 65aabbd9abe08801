//! Whatever people, the SaaS, other parties, a failing API server and changing leaders do, in whichever order, also in the
//! middle of a pass: the invariants of `src/pipeline.rs` and `src/remediation/phase.rs` hold after every pass.
//!
//! ```text
//!  proptest ─▶ a sequence of steps ([`step::Step`]) ─▶ world: embedded API server, one Deployment, four remediations of it
//!                                                        │ after each step, and before and after what happens within one
//!                                                        ▼
//!                                                  [`invariants`]; at the end, without faults, all comes to rest
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod ask;
mod faults;
mod invariants;
mod step;
mod world;

use proptest::{collection::vec, prelude::*, test_runner::Config};

use invariants::Invariants;
use step::Step;
use world::World;

proptest! {
    #![proptest_config(Config { cases: 64, max_shrink_iters: 200, ..Config::default() })]

    #[test]
    fn the_invariants_hold_whatever_happens_in_whichever_order(
        steps in vec(step::steps(), 1..40),
        // When all has ended, or waits for a person.
        more in vec(step::steps(), 0..20),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut world, mut invariants) = (World::new().await, Invariants::default());
            let mut known = world.ground.look().await;
            for steps in [steps, more] {
                for step in &steps {
                    for (now, step) in step.take(&mut world).await {
                        invariants.check(&known, &now, &world, &step);
                        known = now;
                    }
                }
                // Without faults, and with workloads that follow, all of it comes to rest.
                for now in world.calm().await {
                    invariants.check(&known, &now, &world, &Step::Rest);
                    known = now;
                }
                invariants::at_rest(&known);
            }
        });
    }
}
