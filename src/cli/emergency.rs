//! `stop` and `resume`: the emergency stop.

use super::{
    Connect, Failure,
    connect::{call, request_id},
    output::{self, Format},
};
use crate::contract::v1alpha1::types;

#[derive(clap::Args)]
pub(super) struct Emergency {
    /// Why; kept with the order, and on what it holds.
    #[arg(long)]
    reason: String,
    /// How to print the order.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
    #[command(flatten)]
    connect: Connect,
}

#[derive(Clone, Copy)]
pub(super) enum Order {
    Stop,
    Resume,
}

impl Emergency {
    pub(super) async fn run(self, order: Order) -> Result<(), Failure> {
        let client = self.connect.client()?.alpha;
        let (id, body) = (request_id(), types::Request { reason: self.reason });
        let switched = match order {
            Order::Stop => call(client.emergency_stop(&id, &body)).await,
            Order::Resume => call(client.emergency_resume(&id, &body)).await,
        }?;
        match self.output {
            Format::Json => output::json(&switched),
            Format::Table if switched.stopped => output::print("stopped: no target is changed any more, a second or two from now"),
            Format::Table => output::print("resumed: what was held goes on"),
        }
    }
}
