//! Whatever people, other parties, a failing API server and changing leaders do, in whichever order: the invariants of
//! `src/pipeline.rs` and `src/remediation/phase.rs` hold after every pass.
//!
//! ```text
//!  proptest ─▶ a sequence of steps ([`step::Step`]) ─▶ world: embedded API server, one Deployment, four remediations of it
//!                                                        │ after each step
//!                                                        ▼
//!                                                  [`invariants`]; at the end, without faults, all comes to rest
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod faults;
mod invariants;
mod step;
mod world;

use proptest::{collection::vec, prelude::*, test_runner::Config};

use world::World;

proptest! {
    #![proptest_config(Config { cases: 64, max_shrink_iters: 200, ..Config::default() })]

    #[test]
    fn the_invariants_hold_whatever_happens_in_whichever_order(steps in vec(step::steps(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            let mut known = world.look().await;
            for step in &steps {
                step.take(&mut world).await;
                let now = world.look().await;
                invariants::check(&known, &now, &world, step);
                known = now;
            }
            // Without faults, and with workloads that follow, all of it comes to rest.
            world.calm().await;
            let end = world.look().await;
            invariants::check(&known, &end, &world, &step::Step::Rest);
            invariants::at_rest(&end);
        });
    }
}
