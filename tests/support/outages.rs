//! A simulator of outages that trains the planner's policy: causes of each fault class, their
//! signs, the actions that help, and the cost of each action. The numbers are estimates of this
//! project, not measurements from real logs.

use super::rng::Rng;
use faultline::remediate::Feature;

/// A possible cause of an outage.
pub struct Cause {
    pub name: &'static str,
    /// The fault class that a closer inspection finds.
    pub class: &'static str,
    /// Verbs that end the outage, with the probability in percent.
    helped_by: &'static [(&'static str, u64)],
    /// Verbs that make it worse, with the probability in percent.
    worsened_by: &'static [(&'static str, u64)],
    /// Inspections that reveal the fault class, with the probability in percent.
    shown_by: &'static [(&'static str, u64)],
    /// Probabilities in percent that the service is down (otherwise it is degraded), that its
    /// release is recent, and that the outage has ended.
    signs: [u64; 3],
}

/// A cause without actions.
const fn cause(name: &'static str, class: &'static str, signs: [u64; 3]) -> Cause {
    Cause {
        name,
        class,
        helped_by: &[],
        worsened_by: &[],
        shown_by: &[],
        signs,
    }
}

/// All causes; [`CLASSES`] refers to them by index.
pub const CAUSES: &[Cause] = &[
    Cause {
        helped_by: &[
            ("restart", 90),
            ("delete-pod", 45),
            ("undo", 25),
            ("scale", 25),
        ],
        shown_by: &[("describe", 30), ("top", 50), ("logs-previous", 30)],
        ..cause(
            "a state that only a restart clears",
            "deadlock",
            [70, 15, 10],
        )
    },
    Cause {
        helped_by: &[("undo", 92), ("set-image", 40), ("pause", 5)],
        worsened_by: &[
            ("restart", 20),
            ("scale", 15),
            ("resume", 60),
            ("delete-pod", 10),
        ],
        shown_by: &[
            ("history", 80),
            ("rollout-status", 50),
            ("describe", 40),
            ("events", 40),
        ],
        ..cause("a bad release", "crash loop", [75, 90, 3])
    },
    Cause {
        helped_by: &[("scale", 80), ("hpa-bound", 70), ("restart", 8)],
        worsened_by: &[("restart", 30), ("delete-pod", 40), ("pause", 5)],
        shown_by: &[("top", 70), ("get", 30), ("describe", 30)],
        ..cause("too much load", "timeout", [35, 15, 25])
    },
    Cause {
        helped_by: &[
            ("set-memory", 88),
            ("undo", 30),
            ("restart", 25),
            ("scale", 25),
        ],
        shown_by: &[
            ("describe", 80),
            ("events", 60),
            ("top", 60),
            ("logs-previous", 30),
        ],
        ..cause("too little memory", "out of memory", [60, 25, 10])
    },
    Cause {
        helped_by: &[("set-env", 80), ("undo", 55)],
        worsened_by: &[("restart", 10)],
        shown_by: &[("describe", 40), ("history", 40), ("logs-previous", 40)],
        ..cause("a wrong setting", "authentication", [60, 65, 2])
    },
    Cause {
        helped_by: &[("delete-pod", 50), ("cordon", 45), ("escalate", 70)],
        worsened_by: &[("uncordon", 40)],
        shown_by: &[("events", 70), ("describe", 50), ("get", 50), ("top", 20)],
        ..cause("a faulty machine", "node not ready", [70, 5, 8])
    },
    Cause {
        helped_by: &[("escalate", 80)],
        worsened_by: &[("delete-pod", 10), ("scale", 10)],
        shown_by: &[("events", 30), ("describe", 20), ("logs-previous", 20)],
        ..cause("a fault outside the cluster", "certificate", [70, 5, 15])
    },
    Cause {
        helped_by: &[("probe", 85), ("undo", 45), ("restart", 5)],
        worsened_by: &[("delete-pod", 30), ("restart", 20)],
        shown_by: &[("events", 80), ("describe", 80), ("get", 30)],
        ..cause(
            "a probe with too short a timeout",
            "probe failed",
            [60, 60, 3],
        )
    },
    Cause {
        helped_by: &[("undo", 85), ("set-image", 85)],
        worsened_by: &[("delete-pod", 50), ("restart", 40), ("resume", 40)],
        shown_by: &[
            ("events", 90),
            ("describe", 90),
            ("get", 70),
            ("rollout-status", 50),
        ],
        ..cause("an image that cannot be pulled", "image pull", [60, 95, 0])
    },
    Cause {
        helped_by: &[("nothing", 100)],
        worsened_by: &[
            ("restart", 15),
            ("undo", 25),
            ("delete-pod", 25),
            ("scale", 10),
            ("set-memory", 10),
            ("cordon", 30),
        ],
        shown_by: &[
            ("get", 70),
            ("events", 40),
            ("describe", 50),
            ("look-further", 50),
        ],
        ..cause("an outage that has already ended", "shutdown", [5, 10, 95])
    },
    Cause {
        helped_by: &[("resume", 85), ("undo", 60)],
        worsened_by: &[("scale", 20)],
        shown_by: &[("rollout-status", 90), ("describe", 70), ("get", 40)],
        ..cause("an unfinished rollout", "image pull", [25, 90, 2])
    },
    Cause {
        helped_by: &[("uncordon", 85), ("escalate", 50)],
        shown_by: &[("get", 40), ("events", 60), ("describe", 60)],
        ..cause("a machine cordoned by mistake", "quota", [25, 10, 5])
    },
];

/// Fault classes, each with the relative frequency of its causes in the order of [`CAUSES`].
pub const CLASSES: &[(&str, [u64; 12])] = &[
    ("pool exhausted", [62, 8, 14, 0, 4, 0, 6, 0, 0, 6, 0, 0]),
    ("out of memory", [12, 12, 8, 64, 0, 2, 0, 0, 0, 2, 0, 0]),
    ("deadlock", [86, 6, 0, 0, 2, 0, 2, 0, 0, 4, 0, 0]),
    ("crash loop", [4, 58, 0, 10, 14, 0, 4, 6, 4, 0, 0, 0]),
    ("image pull", [0, 6, 0, 0, 4, 0, 8, 0, 76, 0, 6, 0]),
    ("probe failed", [10, 16, 10, 4, 4, 2, 0, 50, 0, 4, 0, 0]),
    ("timeout", [24, 10, 38, 2, 4, 4, 10, 0, 0, 8, 0, 0]),
    (
        "connection refused",
        [34, 20, 2, 4, 16, 6, 10, 2, 0, 6, 0, 0],
    ),
    ("leader lost", [46, 4, 6, 0, 2, 14, 8, 0, 0, 20, 0, 0]),
    ("dns", [12, 4, 0, 0, 44, 6, 26, 0, 0, 8, 0, 0]),
    ("authentication", [4, 10, 0, 0, 56, 0, 28, 0, 0, 2, 0, 0]),
    ("quota", [2, 6, 40, 6, 8, 0, 24, 0, 0, 4, 2, 8]),
    ("certificate", [4, 4, 0, 0, 12, 0, 78, 0, 0, 2, 0, 0]),
    ("disk full", [10, 4, 0, 0, 4, 22, 58, 0, 0, 2, 0, 0]),
    ("i/o error", [4, 2, 0, 0, 0, 42, 50, 0, 0, 2, 0, 0]),
    ("kernel or machine", [2, 2, 0, 0, 0, 46, 48, 0, 0, 2, 0, 0]),
    ("node not ready", [2, 0, 2, 2, 0, 58, 28, 0, 0, 4, 0, 4]),
    ("queue", [36, 8, 36, 0, 4, 2, 8, 0, 0, 6, 0, 0]),
    ("shutdown", [4, 10, 0, 0, 2, 4, 2, 2, 0, 70, 6, 0]),
    ("failure", [18, 34, 8, 4, 14, 2, 14, 2, 2, 2, 0, 0]),
    ("none", [18, 14, 12, 2, 6, 2, 14, 0, 0, 32, 0, 0]),
];

/// Cost of a verb: inspections are cheap, changes cost more, and paging the owner costs most.
fn cost(verb: &str) -> f64 {
    match verb {
        "get" | "describe" | "events" | "top" | "history" | "rollout-status" | "logs-previous" => {
            0.15
        }
        "look-further" => 0.3,
        "annotate" | "label" => 0.25,
        "restart" | "pause" | "resume" | "uncordon" => 0.4,
        "escalate" => 1.0,
        "nothing" => 0.0,
        _ => 0.5,
    }
}

/// An outage ends after this number of actions.
const MAX_STEPS: usize = 6;
/// Reward for an action that ends the outage.
const RECOVERED: f64 = 3.0;
/// Penalty for an action that makes the outage worse.
const HARM: f64 = 1.0;
/// Reward if the outage is left unsolved.
const UNSOLVED: f64 = -2.5;

/// One outage: its real cause, and what the planner sees of it.
pub struct Outage {
    cause: usize,
    class: &'static str,
    down: bool,
    young: bool,
    passed: bool,
    open: bool,
    quiet: bool,
    tried: Vec<usize>,
}

impl Outage {
    /// A random outage.
    pub fn draw(rng: &mut Rng) -> Outage {
        let (class, shares) = rng.pick(CLASSES);
        let mut at = rng.below(shares.iter().sum());
        let cause = shares
            .iter()
            .position(|s| {
                let here = at < *s;
                at = at.saturating_sub(*s);
                here
            })
            .unwrap_or(0);
        // A service without unusual signs almost never has a fault.
        let quiet = rng.chance(8);
        let cause = if quiet && rng.chance(95) { 9 } else { cause };
        let [down, young, passed] = CAUSES[cause].signs.map(|p| rng.chance(p));
        Outage {
            cause,
            class,
            down,
            young,
            passed,
            open: rng.chance(15),
            quiet,
            tried: Vec::new(),
        }
    }

    /// Names of the features that hold now, as in the policy's weights.
    pub fn situation(&self) -> Vec<&'static str> {
        if self.quiet {
            return vec![Feature::Always.name(), Feature::NoCause.name()];
        }
        let mut out = vec![
            "always",
            self.class,
            if self.down { "down" } else { "degraded" },
        ];
        out.extend(
            [
                (self.young, Feature::RecentRelease.name()),
                (self.open, Feature::UncertainCause.name()),
                (self.passed, Feature::Ended.name()),
            ]
            .iter()
            .filter(|h| h.0)
            .map(|h| h.1),
        );
        out
    }

    /// Indices of the verbs that can be tried: those of the class that were not tried before.
    pub fn usable(&self, verbs: &[(String, Vec<String>, bool)]) -> Vec<usize> {
        let advice = |v: &str| matches!(v, "nothing" | "look-further" | "escalate");
        let fits = |v: &(String, Vec<String>, bool)| {
            if self.quiet {
                advice(&v.0)
            } else {
                v.2 || v.1.iter().any(|c| c == self.class)
            }
        };
        (0..verbs.len())
            .filter(|i| fits(&verbs[*i]) && !self.tried.contains(i))
            .collect()
    }

    /// Tries a verb: its reward, and whether the outage is over.
    pub fn step(&mut self, verb: &str, index: usize, rng: &mut Rng) -> (f64, bool) {
        self.tried.push(index);
        let cause = &CAUSES[self.cause];
        let chance = |list: &[(&str, u64)]| list.iter().find(|l| l.0 == verb).map_or(0, |l| l.1);
        let mut reward = -cost(verb);
        // While it is open which service is at fault, the action may be aimed at the wrong one.
        let aimed = !self.open || rng.chance(60) || matches!(verb, "nothing" | "escalate");
        if aimed && rng.chance(chance(cause.helped_by)) {
            return (
                reward
                    + if self.down {
                        RECOVERED
                    } else {
                        RECOVERED - 0.5
                    },
                true,
            );
        }
        if rng.chance(chance(cause.worsened_by)) {
            reward -= HARM;
        }
        if rng.chance(chance(cause.shown_by)) {
            (self.class, self.quiet, self.open) = (cause.class, false, false);
        }
        let over = matches!(verb, "nothing" | "escalate") || self.tried.len() == MAX_STEPS;
        if over {
            reward += if verb == "escalate" { -0.5 } else { UNSOLVED };
        }
        (reward, over)
    }
}
