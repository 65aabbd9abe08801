//! Why a remediation waits, runs or ended: the one word in conditions, `.status.reason` and logs.

use std::fmt;

/// Makes the enum and both directions between its variants and their names from one list.
macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident,)*) => {
        /// A reason, as a CamelCase word that programs may branch on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $reason,)*
        }

        impl Reason {
            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$reason => stringify!($reason),)*
                }
            }

            /// Reads the word; `None` for those that other programs wrote.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $(stringify!($reason) => Some(Self::$reason),)*
                    _ => None,
                }
            }
        }
    };
}

reasons! {
    // Why it may run.
    /// A person approved it.
    Approved,
    /// It came with an approval.
    ApprovedAtCreation,
    /// The policy lets it run at once.
    AutomaticPolicy,

    // Why it waits.
    /// A person has to decide.
    WaitingForApproval,
    /// What it removes would be gone for good, and the policy does not say that nobody is asked; a person has to decide.
    Irreversible,
    /// The namespace's budget is used up; a person has to decide.
    BudgetExceeded,
    /// The target was changed a short while ago; a person has to decide.
    CoolDown,
    /// The same finding led to the same action on the same workload too often; a person has to decide.
    Recurring,
    /// Too many targets are changed, or too many remediations fail, at once; a person has to decide.
    ShortCircuit,
    /// Too few healthy replicas would be left; a person has to decide.
    MinHealthyReplicas,
    /// A GitOps tool or Helm owns the target; a person has to decide.
    GitOpsOwned,
    /// Who approved it sent it too; another person has to decide.
    SecondPerson,
    /// Its spec is not the one that was approved; a person has to decide.
    SpecChanged,
    /// What would be done is not what was approved, since the target has changed; a person has to decide.
    PlanChanged,
    /// Its time has not come.
    Scheduled,
    /// No maintenance window is open.
    OutsideWindow,
    /// The action keeps failing.
    CircuitOpen,
    /// Another remediation works on the same target.
    TargetBusy,
    /// The agent runs in dry-run mode.
    DryRun,
    /// The emergency stop is set, or cannot be read.
    EmergencyStop,
    /// Nothing holds it back any more.
    Released,

    /// One of its patches is being carried out, as a remediation of its own.
    PatchUnderWay,

    // How it ended, or why it is being undone.
    /// The effect was seen.
    Validated,
    /// A person said no.
    Rejected,
    /// Whoever sent the task took it back.
    Cancelled,
    /// The finding was too old.
    Stale,
    /// Nobody approved it in time.
    ApprovalExpired,
    /// There is no action, or one that this agent does not know, or that its API server cannot do.
    ActionUnsupported,
    /// The action is not enabled on this agent.
    ActionDisabled,
    /// The kind is one that no remediation may touch.
    DeniedKind,
    /// The namespace is one that no remediation may touch.
    ProtectedNamespace,
    /// The target carries a label of those that no remediation may touch.
    ProtectedLabel,
    /// The target is not there.
    TargetNotFound,
    /// An object of the same name, but another one.
    TargetReplaced,
    /// The action cannot be done to this kind of object.
    UnsupportedTarget,
    /// Somebody else changed what the action was about to change.
    TargetChanged,
    /// Another field manager holds a field that the manifest sets otherwise; its value is never forced.
    FieldConflict,
    /// An object of the name that the action needs belongs to somebody else.
    NameTaken,
    /// One of its patches did not succeed.
    PatchFailed,
    /// The series of patches that it is part of does not wait for it any more.
    SeriesEnded,
    /// The agent lacks a permission.
    Forbidden,
    /// The API server refuses the change as malformed.
    Invalid,
    /// The change could not be made within the attempts allowed.
    ExecutionFailed,
    /// A disruption budget kept the pod for as long as an effect may take to show.
    DisruptionBudget,
    /// The effect did not show in time.
    ValidationTimedOut,
    /// The effect can no longer show.
    ValidationFailed,
    /// The probes did not all pass for long enough in time.
    ProbesTimedOut,
    /// A probe found that it is not as it has to be.
    ProbeFailed,
    /// A probe could not tell whether it is as it has to be.
    ProbeInconclusive,
    /// A probe could not be asked.
    ProbeError,
    /// A probe asks for what the agent's configuration does not allow.
    ProbeNotAllowed,
    /// A person asked for what had succeeded to be undone.
    RollbackRequested,
    /// A person asked for what had failed to be tried again.
    RetryRequested,
    /// What was changed could not be undone.
    RollbackFailed,
    /// What was changed cannot be undone.
    RollbackUnsupported,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
