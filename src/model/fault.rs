//! Classes of faults, and how a template or an incident is categorized. Plain data: classifies
//! nothing.

use serde::{Deserialize, Serialize};

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $(#[serde(rename = $text)] $variant),+
        }

        impl $name {
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// The name, as it is written in data files and JSON.
            pub fn name(self) -> &'static str {
                match self {
                    $($name::$variant => $text),+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

named! {
    /// A class of faults. Rules recognize it, and actions are proposed for it.
    FaultClass {
        OutOfMemory = "out of memory",
        CrashLoop = "crash loop",
        PoolExhausted = "pool exhausted",
        ConnectionRefused = "connection refused",
        DiskFull = "disk full",
        Certificate = "certificate",
        Dns = "dns",
        Deadlock = "deadlock",
        Quota = "quota",
        ImagePull = "image pull",
        NodeNotReady = "node not ready",
        LeaderLost = "leader lost",
        Io = "i/o error",
        Machine = "kernel or machine",
        Crash = "crash",
        Corruption = "data corruption",
        ProbeFailed = "probe failed",
        Timeout = "timeout",
        Authentication = "authentication",
        Shutdown = "shutdown",
        Queue = "queue",
    }
}

named! {
    /// What a classification is based on.
    ClassifiedBy {
        Rule = "rule",
        Incident = "incident",
        Scorer = "scorer",
        Verdict = "verdict",
        Model = "model",
    }
}

/// The kind of problem that a template or an incident shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Category {
    #[default]
    None,
    Fault(FaultClass),
    /// A failure that belongs to no known class.
    Failure,
    /// The user marked it as a problem.
    UserVerdict,
    /// A known incident, by its id.
    Incident(String),
}

impl std::fmt::Display for Category {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Category::None => f.pad("none"),
            Category::Fault(class) => class.fmt(f),
            Category::Failure => f.pad("failure"),
            Category::UserVerdict => f.pad("your feedback"),
            Category::Incident(id) => f.pad(id),
        }
    }
}
