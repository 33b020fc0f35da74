//! A simulator of outages, for the policy of the planner: what may be behind a fault class, what shows, what helps, what it
//! costs. The numbers are this project's judgement of each; the policy is learnt from them and not from the logs of anybody.

use super::rng::Rng;

/// What may be behind an outage.
pub struct Cause {
    pub name: &'static str,
    /// The class that a look from nearby gives it.
    pub class: &'static str,
    /// Verbs with their chance, in percent, to end it.
    helped_by: &'static [(&'static str, u64)],
    /// Verbs that make it worse, with the chance.
    worsened_by: &'static [(&'static str, u64)],
    /// Looks that tell what it is, with the chance.
    shown_by: &'static [(&'static str, u64)],
    /// Chance that the service is down (else it is degraded), that its release is young, that the trouble has passed.
    signs: [u64; 3],
}

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
            "state that only a fresh process sheds",
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
        ..cause("a release that went wrong", "crash loop", [75, 90, 3])
    },
    Cause {
        helped_by: &[("scale", 80), ("hpa-bound", 70), ("restart", 8)],
        worsened_by: &[("restart", 30), ("delete-pod", 40), ("pause", 5)],
        shown_by: &[("top", 70), ("get", 30), ("describe", 30)],
        ..cause("more load than it can bear", "timeout", [35, 15, 25])
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
        ..cause("a setting that is wrong", "authentication", [60, 65, 2])
    },
    Cause {
        helped_by: &[("delete-pod", 50), ("cordon", 45), ("escalate", 70)],
        worsened_by: &[("uncordon", 40)],
        shown_by: &[("events", 70), ("describe", 50), ("get", 50), ("top", 20)],
        ..cause("a machine that is ill", "node not ready", [70, 5, 8])
    },
    Cause {
        helped_by: &[("escalate", 80)],
        worsened_by: &[("delete-pod", 10), ("scale", 10)],
        shown_by: &[("events", 30), ("describe", 20), ("logs-previous", 20)],
        ..cause(
            "something outside of what can be set right here",
            "certificate",
            [70, 5, 15],
        )
    },
    Cause {
        helped_by: &[("probe", 85), ("undo", 45), ("restart", 5)],
        worsened_by: &[("delete-pod", 30), ("restart", 20)],
        shown_by: &[("events", 80), ("describe", 80), ("get", 30)],
        ..cause("a probe that is too impatient", "probe failed", [60, 60, 3])
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
        ..cause("an image that cannot be had", "image pull", [60, 95, 0])
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
        ..cause(
            "nothing any more: it passed by itself",
            "shutdown",
            [5, 10, 95],
        )
    },
    Cause {
        helped_by: &[("resume", 85), ("undo", 60)],
        worsened_by: &[("scale", 20)],
        shown_by: &[("rollout-status", 90), ("describe", 70), ("get", 40)],
        ..cause("a rollout that stands half done", "image pull", [25, 90, 2])
    },
    Cause {
        helped_by: &[("uncordon", 85), ("escalate", 50)],
        shown_by: &[("get", 40), ("events", 60), ("describe", 60)],
        ..cause("a machine kept out by mistake", "quota", [25, 10, 5])
    },
];

/// What is behind a class, in shares; by the order of [`CAUSES`].
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

/// Looks cost a moment, changes more, waking somebody most.
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

const MOST_STEPS: usize = 6;
const MENDED: f64 = 3.0;
const HARM: f64 = 1.0;
const LEFT_BROKEN: f64 = -2.5;

/// One outage, as it is and as it is seen.
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
        // Where nothing stands out there is, nearly always, nothing.
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

    /// By the names that the policy's weights have.
    pub fn situation(&self) -> Vec<&'static str> {
        if self.quiet {
            return vec!["always", "quiet"];
        }
        let mut out = vec![
            "always",
            self.class,
            if self.down { "down" } else { "degraded" },
        ];
        out.extend(
            [
                (self.young, "young release"),
                (self.open, "open which"),
                (self.passed, "passed"),
            ]
            .iter()
            .filter(|h| h.0)
            .map(|h| h.1),
        );
        out
    }

    /// Verbs that can be tried: those of the class, none twice.
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

    /// Tries a verb: what it brings, and whether that was the end.
    pub fn step(&mut self, verb: &str, index: usize, rng: &mut Rng) -> (f64, bool) {
        self.tried.push(index);
        let cause = &CAUSES[self.cause];
        let chance = |list: &[(&str, u64)]| list.iter().find(|l| l.0 == verb).map_or(0, |l| l.1);
        let mut reward = -cost(verb);
        // Someone who is blamed for another's fault is mended in vain.
        let aimed = !self.open || rng.chance(60) || matches!(verb, "nothing" | "escalate");
        if aimed && rng.chance(chance(cause.helped_by)) {
            return (reward + if self.down { MENDED } else { MENDED - 0.5 }, true);
        }
        if rng.chance(chance(cause.worsened_by)) {
            reward -= HARM;
        }
        if rng.chance(chance(cause.shown_by)) {
            (self.class, self.quiet, self.open) = (cause.class, false, false);
        }
        let over = matches!(verb, "nothing" | "escalate") || self.tried.len() == MOST_STEPS;
        if over {
            reward += if verb == "escalate" {
                -0.5
            } else {
                LEFT_BROKEN
            };
        }
        (reward, over)
    }
}
