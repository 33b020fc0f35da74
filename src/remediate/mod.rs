//! Diagnosis -> ordered actions: a catalogue as data, a policy over fault classes shaped by what worked before. Knows no
//! language model and runs nothing.

mod catalogue;
mod policy;

pub use catalogue::{Ask, Entry, Form, On, catalogue, doubled};
pub use policy::{Outcome, Policy, Priors, shape};

use crate::kube::CONTEXT;
use crate::model::{Action, Diagnosis, Parameter, Place, Risk, Target};
use std::collections::BTreeMap;

/// A cause that scores less is none.
const QUIET: f64 = 0.05;
/// Causes that lie nearer than this share of the first one's score leave it open which it was.
const NEAR: f64 = 0.08;

/// Where the actions would act.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    pub target: Option<Target>,
    /// The pod whose lines prove the cause, and the node it ran on, where the bundle tells.
    pub pod: Option<String>,
    pub node: Option<String>,
    pub container: Option<String>,
    /// Context of the connected cluster; `None` on an archive.
    pub context: Option<String>,
    /// Time stamp written into a restart: that of the corpus' end on an archive, so that a plan reads the same twice.
    pub at: String,
    /// Values that the user gave for what actions ask.
    pub given: BTreeMap<String, String>,
    /// The trouble ended before the corpus does.
    pub passed: bool,
}

impl Scene {
    fn target_of(&self, on: On) -> Option<Target> {
        let workload = self.target.clone()?;
        let other = |kind: &str, name: &Option<String>| {
            Some(Target {
                kind: kind.into(),
                name: name.clone()?,
                ..workload.clone()
            })
        };
        match on {
            On::Workload => Some(workload),
            On::Pod => other("pod", &self.pod),
            On::Node => other("node", &self.node),
            On::Hpa => Some(Target {
                kind: "hpa".into(),
                ..workload
            }),
        }
    }

    /// Everything that an entry needs is known.
    fn has(&self, e: &Entry) -> bool {
        self.target_of(e.on).is_some()
            && (self.container.is_some() || !e.args.iter().any(|a| a.contains("{container}")))
    }
}

/// What holds in a situation, by the names that the policy's weights have for it.
pub fn situation<'d>(d: &'d Diagnosis, scene: &Scene) -> Vec<&'d str> {
    let mut out = vec!["always", d.category.as_str()];
    let score = |n: usize| d.causes.get(n).map_or(0.0, |c| c.score);
    let first = d
        .causes
        .first()
        .and_then(|c| d.services.iter().find(|s| s.name == c.service));
    out.push(match first.map(|s| s.band()) {
        Some("red") | None => "down",
        Some("yellow") => "degraded",
        _ => "well",
    });
    let young = first.is_some_and(|s| s.penalties.keys().any(|p| p.starts_with("deployed")));
    let open = d.causes.len() > 1 && score(0) - score(1) < NEAR * score(0);
    let held = [
        (young, "young release"),
        (open, "open which"),
        (scene.passed, "passed"),
    ];
    out.extend(held.iter().filter(|h| h.0).map(|h| h.1));
    out
}

/// Actions in order, the most promising first.
pub fn plan(d: &Diagnosis, scene: &Scene, priors: &Priors) -> Vec<Action> {
    let class = d.category.as_str();
    let cause = d.causes.first();
    let quiet = cause.is_none_or(|c| c.score < QUIET);
    let service = cause.map_or("", |c| c.service.as_str());
    let evidence: Vec<Place> = cause.map_or_else(Vec::new, |c| {
        c.evidence.iter().map(|e| e.place.clone()).collect()
    });
    let fits = |e: &&Entry| e.any || e.classes.iter().any(|c| c == class);
    let usable: Vec<&Entry> = catalogue()
        .iter()
        .filter(fits)
        .filter(|e| e.args.is_empty() || scene.has(e) && !quiet)
        .collect();
    let names: Vec<&str> = usable.iter().map(|e| e.verb.as_str()).collect();
    let held = if quiet {
        vec!["always", "quiet"]
    } else {
        situation(d, scene)
    };
    let shaped = policy::shape(
        &Policy::shipped().chances(&names, &held),
        &names,
        class,
        priors,
    );
    let mut out: Vec<(f64, Action)> = usable
        .iter()
        .zip(shaped)
        .map(|(e, p)| (p, action(e, p, scene, (class, service), &evidence, priors)))
        .collect();
    out.sort_by(|a, b| {
        b.0.total_cmp(&a.0)
            .then(a.1.risk.cmp(&b.1.risk))
            .then_with(|| a.1.id.cmp(&b.1.id))
    });
    out.into_iter().map(|o| o.1).collect()
}

/// What an entry asks for, with what was given or else is usual.
fn asked(e: &Entry, scene: &Scene) -> Vec<Parameter> {
    let given = |a: &Ask| scene.given.get(&a.name).filter(|v| a.form.fits(v)).cloned();
    e.asks
        .iter()
        .map(|a| {
            let given = given(a);
            let (open, value) = (given.is_none(), given.unwrap_or_else(|| a.usual.clone()));
            Parameter {
                name: a.name.clone(),
                what: a.what.clone(),
                value,
                open,
                now: a.now.clone(),
                grow: a.grow,
            }
        })
        .collect()
}

fn action(
    e: &Entry,
    p: f64,
    scene: &Scene,
    (class, service): (&str, &str),
    evidence: &[Place],
    priors: &Priors,
) -> Action {
    let target = scene.target_of(e.on).unwrap_or_default();
    let asks = asked(e, scene);
    let history = priors
        .told(class, &e.verb)
        .map_or_else(String::new, |t| format!(" ({t})"));
    let id = if e.args.is_empty() {
        e.verb.clone()
    } else {
        format!("{}-{}", e.verb, target.name)
    };
    let protected = target.namespace == "kube-system" || target.namespace.starts_with("prod");
    Action {
        id,
        title: e
            .title
            .replace("{name}", &target.name)
            .replace("{service}", service),
        verb: e.verb.clone(),
        argv: filled(&e.args, scene, &target, class, &asks),
        risk: if protected && e.risk >= Risk::Low {
            Risk::High
        } else {
            e.risk
        },
        reversible: e.reversible,
        rollback: (!e.rollback.is_empty())
            .then(|| filled(&e.rollback, scene, &target, class, &asks)),
        confidence: p,
        why: format!(
            "{}{history}",
            e.why
                .replace("{service}", service)
                .replace("{class}", class)
        ),
        evidence: evidence.to_vec(),
        verify: e.verify.replace("{service}", service),
        changes: e.changes.clone(),
        needs: e.needs.clone(),
        asks,
        advised_by: None,
        service: service.to_string(),
        target,
        class: class.to_string(),
    }
}

/// An argv with everything put in; a value that nobody gave yet stands as `<NAME>`.
fn filled(
    args: &[String],
    scene: &Scene,
    target: &Target,
    class: &str,
    asks: &[Parameter],
) -> Vec<String> {
    if args.is_empty() {
        return Vec::new();
    }
    let context = scene.context.as_deref().unwrap_or(CONTEXT);
    // A class may come from an incident of somebody else's library.
    let class = class.replace(
        |c: char| !c.is_ascii_alphanumeric() && !"._".contains(c),
        "-",
    );
    let mut out: Vec<String> = ["kubectl", "--context", context, "-n", &target.namespace]
        .map(String::from)
        .to_vec();
    out.extend(args.iter().map(|a| {
        let known = a
            .replace("{kind}", &target.kind)
            .replace("{name}", &target.name)
            .replace(
                "{container}",
                scene.container.as_deref().unwrap_or_default(),
            )
            .replace("{at}", &scene.at)
            .replace("{class}", &class);
        asks.iter().fold(known, |text, ask| {
            let value = if ask.value.is_empty() {
                format!("<{}>", ask.name.to_uppercase())
            } else {
                quoted(&ask.value)
            };
            text.replace(&format!("{{{}}}", ask.name), &value)
        })
    }));
    out
}

/// A value as it stands between the quotes of a JSON text.
fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RootCause;

    fn diagnosis(category: &str) -> Diagnosis {
        let cause = RootCause {
            service: "payment".into(),
            score: 0.8,
            ..RootCause::default()
        };
        Diagnosis {
            category: category.into(),
            causes: vec![cause],
            ..Diagnosis::default()
        }
    }

    fn scene() -> Scene {
        let target = Target {
            namespace: "shop".into(),
            kind: "deployment".into(),
            name: "payment".into(),
        };
        let [pod, node, container] =
            ["payment-5c9f-x2", "node-1", "app"].map(|n| Some(n.to_string()));
        Scene {
            target: Some(target),
            pod,
            node,
            container,
            at: "2026-03-02T09:20:00Z".into(),
            ..Scene::default()
        }
    }

    #[test]
    fn offline_plans_cannot_hit_a_cluster() {
        let plan = plan(&diagnosis("pool exhausted"), &scene(), &Priors::default());
        assert_eq!(plan[0].verb, "restart");
        for a in plan.iter().filter(|a| !a.argv.is_empty()) {
            assert_eq!(
                &a.argv[..3],
                ["kubectl", "--context", "<CONTEXT>"],
                "{}",
                a.id
            );
        }
    }

    #[test]
    fn every_entry_passes_the_door() {
        let mut seen = std::collections::BTreeSet::new();
        for class in catalogue()
            .iter()
            .flat_map(|e| e.classes.iter().map(String::as_str))
            .chain(["none"])
        {
            for a in plan(&diagnosis(class), &scene(), &Priors::default())
                .iter()
                .filter(|a| !a.argv.is_empty())
            {
                let open = a.argv.iter().any(|w| w.contains('<') && w != CONTEXT);
                assert_eq!(
                    open,
                    a.asks.iter().any(|a| a.value.is_empty()),
                    "{:?}",
                    a.argv
                );
                assert_eq!(crate_check(&a.argv), Ok(()), "{:?}", a.argv);
                for r in a
                    .rollback
                    .iter()
                    .filter(|r| !r.iter().any(|w| w.contains('<') && w != CONTEXT))
                {
                    assert_eq!(crate_check(r), Ok(()));
                }
                seen.insert(a.verb.clone());
            }
        }
        let all: std::collections::BTreeSet<String> = catalogue()
            .iter()
            .filter(|e| !e.args.is_empty())
            .map(|e| e.verb.clone())
            .collect();
        assert_eq!(seen, all, "every entry is proposed for some class");
    }

    #[test]
    fn what_the_user_gives_stays_a_value() {
        let value = "x\"}],\"hostNetwork\":true,\"y\":[{\"z\":\"\\";
        let given = [
            ("variable", "DB_HOST"),
            ("value", value),
            ("image", "good/one:1\",\"command\":[\"sh\"]"),
        ];
        let given = given.map(|(k, v)| (k.to_string(), v.to_string())).into();
        let scene = Scene { given, ..scene() };
        let plan = plan(&diagnosis("connection refused"), &scene, &Priors::default());
        let env = plan.iter().find(|a| a.verb == "set-env").unwrap();
        let patch: serde_json::Value = serde_json::from_str(env.argv.last().unwrap()).unwrap();
        let container = &patch["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["env"][0]["value"], value);
        assert_eq!(container.as_object().unwrap().len(), 2, "{container}");
        let plan = super::plan(&diagnosis("image pull"), &scene, &Priors::default());
        let image = plan.iter().find(|a| a.verb == "set-image").unwrap();
        assert!(
            image.asks[0].open && image.argv.last().unwrap().contains("<IMAGE>"),
            "a value of another form is not taken"
        );
    }

    #[test]
    fn what_is_not_known_is_not_proposed() {
        let scene = Scene {
            pod: None,
            node: None,
            ..scene()
        };
        let plan = plan(&diagnosis("node not ready"), &scene, &Priors::default());
        assert!(
            !plan
                .iter()
                .any(|a| a.verb == "delete-pod" || a.verb == "cordon")
        );
    }

    fn crate_check(argv: &[String]) -> Result<(), String> {
        crate::kube::check(argv).map_err(|r| r.to_string())
    }

    #[test]
    fn nothing_found_means_nothing_done() {
        let plan = plan(&Diagnosis::default(), &scene(), &Priors::default());
        assert!(plan.iter().all(|a| a.argv.is_empty()));
        assert_eq!(plan[0].verb, "nothing");
    }

    #[test]
    fn protected_namespaces_raise_the_risk() {
        let mut scene = scene();
        scene.target.as_mut().unwrap().namespace = "prod".into();
        let plan = plan(&diagnosis("pool exhausted"), &scene, &Priors::default());
        assert!(
            plan.iter()
                .filter(|a| a.verb == "restart")
                .all(|a| a.risk == Risk::High)
        );
    }
}
