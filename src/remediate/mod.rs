//! Diagnosis -> ordered actions: a catalogue as data, a policy over fault classes shaped by what worked before. Knows no
//! language model and runs nothing.

mod policy;

pub use policy::{Outcome, Priors};

use crate::kube::CONTEXT;
use crate::model::{Action, Diagnosis, Place, Risk, Target};
use serde::Deserialize;
use std::sync::OnceLock;

#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    pub verb: String,
    pub title: String,
    pub risk: Risk,
    #[serde(default)]
    pub reversible: bool,
    /// What it acts on, where that is not the workload itself.
    #[serde(default)]
    pub on: On,
    /// Arguments behind `kubectl --context C -n NS`; `{kind}`, `{name}`, `{at}`, `{class}` are filled in.
    /// One in `<...>` is left to the user: such an action is text to copy and passes no gate.
    #[serde(default)]
    pub args: Vec<String>,
    #[serde(default)]
    pub rollback: Vec<String>,
    pub verify: String,
    pub why: String,
    /// Fault classes with the weight of the trained policy.
    #[serde(default)]
    pub classes: std::collections::BTreeMap<String, f64>,
    /// Weight for any other class.
    #[serde(default)]
    pub otherwise: f64,
}

/// The object an action is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum On {
    #[default]
    Workload,
    Pod,
    Node,
    /// The autoscaler of the same name.
    Hpa,
}

#[derive(Deserialize)]
struct Catalogue {
    action: Vec<Entry>,
}

pub fn catalogue() -> &'static [Entry] {
    static ALL: OnceLock<Vec<Entry>> = OnceLock::new();
    ALL.get_or_init(|| toml::from_str::<Catalogue>(include_str!("catalogue.toml")).map(|c| c.action).unwrap_or_default())
}

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
}

impl Scene {
    fn target_of(&self, on: On) -> Option<Target> {
        let workload = self.target.clone()?;
        let other = |kind: &str, name: &Option<String>| Some(Target { kind: kind.into(), name: name.clone()?, ..workload.clone() });
        match on {
            On::Workload => Some(workload),
            On::Pod => other("pod", &self.pod),
            On::Node => other("node", &self.node),
            On::Hpa => Some(Target { kind: "hpa".into(), ..workload }),
        }
    }

    /// Everything that an entry needs is known.
    fn has(&self, e: &Entry) -> bool {
        self.target_of(e.on).is_some() && (self.container.is_some() || !e.args.iter().any(|a| a.contains("{container}")))
    }
}

/// Actions in order, the most promising first.
pub fn plan(d: &Diagnosis, scene: &Scene, priors: &Priors) -> Vec<Action> {
    let class = d.category.as_str();
    let quiet = d.causes.first().is_none_or(|c| c.score < 0.05);
    let cause = d.causes.first();
    let service = cause.map_or("", |c| c.service.as_str());
    let evidence: Vec<Place> = cause.map_or_else(Vec::new, |c| c.evidence.iter().map(|e| e.place.clone()).collect());
    let usable: Vec<&Entry> = catalogue().iter().filter(|e| e.args.is_empty() || scene.has(e) && !quiet).collect();
    let weights: Vec<f64> = usable.iter().map(|e| e.classes.get(class).copied().unwrap_or(e.otherwise)).collect();
    let names: Vec<&str> = usable.iter().map(|e| e.verb.as_str()).collect();
    let shaped = policy::shape(&weights, &names, class, priors);
    let mut out: Vec<(f64, Action)> = usable
        .iter()
        .zip(shaped)
        .filter(|(_, p)| *p > 0.0)
        .map(|(e, p)| (p, action(e, p, scene, (class, service), &evidence, priors)))
        .collect();
    out.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.risk.cmp(&b.1.risk)).then_with(|| a.1.id.cmp(&b.1.id)));
    out.into_iter().map(|o| o.1).collect()
}

fn action(e: &Entry, p: f64, scene: &Scene, (class, service): (&str, &str), evidence: &[Place], priors: &Priors) -> Action {
    let target = scene.target_of(e.on).unwrap_or_default();
    let context = scene.context.as_deref().unwrap_or(CONTEXT);
    let fill = |args: &[String]| -> Vec<String> {
        if args.is_empty() {
            return Vec::new();
        }
        let mut out: Vec<String> = ["kubectl", "--context", context, "-n", &target.namespace].map(String::from).to_vec();
        out.extend(args.iter().map(|a| {
            a.replace("{kind}", &target.kind)
                .replace("{name}", &target.name)
                .replace("{container}", scene.container.as_deref().unwrap_or_default())
                .replace("{at}", &scene.at)
                .replace("{class}", &class.replace(' ', "-"))
        }));
        out
    };
    let history = priors.told(class, &e.verb).map_or_else(String::new, |t| format!(" ({t})"));
    let id = if e.args.is_empty() { e.verb.clone() } else { format!("{}-{}", e.verb, target.name) };
    let protected = target.namespace == "kube-system" || target.namespace.starts_with("prod");
    Action {
        id,
        title: e.title.replace("{name}", &target.name).replace("{service}", service),
        verb: e.verb.clone(),
        argv: fill(&e.args),
        risk: if protected && e.risk >= Risk::Low { Risk::High } else { e.risk },
        reversible: e.reversible,
        rollback: (!e.rollback.is_empty()).then(|| fill(&e.rollback)),
        confidence: p,
        why: format!("{}{history}", e.why.replace("{service}", service).replace("{class}", class)),
        evidence: evidence.to_vec(),
        verify: e.verify.replace("{service}", service),
        target,
        class: class.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RootCause;

    fn diagnosis(category: &str) -> Diagnosis {
        let cause = RootCause { service: "payment".into(), score: 0.8, ..RootCause::default() };
        Diagnosis { category: category.into(), causes: vec![cause], ..Diagnosis::default() }
    }

    fn scene() -> Scene {
        let target = Target { namespace: "shop".into(), kind: "deployment".into(), name: "payment".into() };
        let [pod, node, container] = ["payment-5c9f-x2", "node-1", "app"].map(|n| Some(n.to_string()));
        Scene { target: Some(target), pod, node, container, context: None, at: "2026-03-02T09:20:00Z".into() }
    }

    #[test]
    fn offline_plans_cannot_hit_a_cluster() {
        let plan = plan(&diagnosis("pool exhausted"), &scene(), &Priors::default());
        assert_eq!(plan[0].verb, "restart");
        for a in plan.iter().filter(|a| !a.argv.is_empty()) {
            assert_eq!(&a.argv[..3], ["kubectl", "--context", "<CONTEXT>"], "{}", a.id);
        }
    }

    #[test]
    fn every_entry_passes_the_door() {
        let mut seen = std::collections::BTreeSet::new();
        for class in catalogue().iter().flat_map(|e| e.classes.keys().map(String::as_str)).chain(["none"]) {
            for a in plan(&diagnosis(class), &scene(), &Priors::default()).iter().filter(|a| !a.argv.is_empty()) {
                let open = a.argv.iter().any(|w| w.contains('<') && w != CONTEXT);
                assert_eq!(crate_check(&a.argv).is_ok(), !open, "{:?}", a.argv);
                for r in a.rollback.iter().filter(|r| !r.iter().any(|w| w.contains('<') && w != CONTEXT)) {
                    assert_eq!(crate_check(r), Ok(()));
                }
                seen.insert(a.verb.clone());
            }
        }
        let all: std::collections::BTreeSet<String> = catalogue().iter().filter(|e| !e.args.is_empty()).map(|e| e.verb.clone()).collect();
        assert_eq!(seen, all, "every entry is proposed for some class");
    }

    #[test]
    fn what_is_not_known_is_not_proposed() {
        let scene = Scene { pod: None, node: None, ..scene() };
        let plan = plan(&diagnosis("node not ready"), &scene, &Priors::default());
        assert!(!plan.iter().any(|a| a.verb == "delete-pod" || a.verb == "cordon"));
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
        assert!(plan.iter().filter(|a| a.verb == "restart").all(|a| a.risk == Risk::High));
    }
}
