//! Turns a diagnosis into actions: chooses entries of the catalog, fills in what is known, and orders them by the policy.
//! Runs no commands.

use super::catalog::{ActsOn, CommandForm, Entry, Input, catalog};
use super::policy::{Feature, Policy, Priors, adjust_by_outcomes};
use crate::config::settings::Apply;
use crate::model::{
    Action, Band, Category, Command, Context, Diagnosis, HealthRule, LogMode, LogStart, ObjectKind,
    Operation, Output, Parameter, Place, Risk, Target,
};
use std::collections::BTreeMap;

/// A cause with a lower score is ignored.
const MIN_SCORE: f64 = 0.05;
/// If the scores of the first two causes differ by less than this share of the first, the cause is
/// uncertain.
const UNCERTAIN: f64 = 0.08;
/// Lines of a container's previous log that are read.
const PREVIOUS_LINES: u32 = 200;

/// The objects that actions would act on, and the values to use.
#[derive(Clone, Debug, Default)]
pub struct PlanContext {
    /// The workload.
    pub target: Option<Target>,
    /// The pod whose log lines are the evidence, if known.
    pub pod: Option<String>,
    /// The node of that pod, if known.
    pub node: Option<String>,
    pub container: Option<String>,
    /// The connected cluster; the placeholder for an archive.
    pub context: Context,
    /// Timestamp that a restart writes. For an archive, the end of the corpus, so that plans are
    /// reproducible.
    pub at: String,
    /// Values that the user gave, by the name of the parameter.
    pub given: BTreeMap<String, String>,
    /// The problem ended before the end of the corpus.
    pub has_ended: bool,
    /// Namespaces in which every change is of high risk.
    pub apply: Apply,
}

impl PlanContext {
    /// The object that an action acts on; `None` if it is not known.
    fn target_of(&self, on: ActsOn) -> Option<Target> {
        let workload = self.target.clone()?;
        let other = |kind: ObjectKind, name: &Option<String>| {
            Some(Target {
                kind,
                name: name.clone()?,
                ..workload.clone()
            })
        };
        match on {
            ActsOn::Workload => Some(workload),
            ActsOn::Pod => other(ObjectKind::Pod, &self.pod),
            ActsOn::Node => other(ObjectKind::Node, &self.node),
            ActsOn::Hpa => Some(Target {
                kind: ObjectKind::Hpa,
                ..workload
            }),
        }
    }

    /// Whether all objects that an entry needs are known.
    fn has(&self, e: &Entry) -> bool {
        let needs_container = e.command.as_ref().is_some_and(CommandForm::needs_container);
        self.target_of(e.on).is_some() && (self.container.is_some() || !needs_container)
    }
}

/// The features of a situation, by their names in the policy's weights.
pub fn situation(d: &Diagnosis, context: &PlanContext) -> Vec<&'static str> {
    let score = |n: usize| d.causes.get(n).map_or(0.0, |c| c.score);
    let first = d
        .causes
        .first()
        .and_then(|c| d.services.iter().find(|s| s.name == c.service));
    let state = match first.map(|s| s.band()) {
        Some(Band::Red) | None => Feature::Down,
        Some(Band::Yellow) => Feature::Degraded,
        Some(Band::Green) => Feature::Healthy,
    };
    let recent = |s: &crate::model::ServiceHealth| {
        s.penalties
            .iter()
            .any(|p| p.rule == HealthRule::RecentDeployment)
    };
    let uncertain = d.causes.len() > 1 && score(0) - score(1) < UNCERTAIN * score(0);
    let flags = [
        (true, Feature::Always),
        (true, state),
        (first.is_some_and(recent), Feature::RecentRelease),
        (uncertain, Feature::UncertainCause),
        (context.has_ended, Feature::Ended),
    ];
    let mut out: Vec<&str> = flags.iter().filter(|f| f.0).map(|f| f.1.name()).collect();
    out.extend(match &d.category {
        Category::Fault(class) => Some(class.name()),
        Category::None => Some("none"),
        Category::Failure => Some("failure"),
        Category::UserVerdict | Category::Incident(_) => None,
    });
    out
}

/// Actions for a diagnosis, most promising first. Without a cause, actions that run a command are
/// left out.
pub fn plan(d: &Diagnosis, context: &PlanContext, priors: &Priors) -> Vec<Action> {
    let cause = d.causes.first();
    let no_cause = cause.is_none_or(|c| c.score < MIN_SCORE);
    let evidence: Vec<Place> = cause.map_or_else(Vec::new, |c| {
        c.evidence.iter().map(|e| e.place.clone()).collect()
    });
    let service = cause.map_or("", |c| c.service.as_str());
    let fits = |e: &&Entry| {
        e.any || matches!(&d.category, Category::Fault(class) if e.classes.contains(class))
    };
    let usable: Vec<&Entry> = catalog()
        .iter()
        .filter(fits)
        .filter(|e| e.command.is_none() || context.has(e) && !no_cause)
        .collect();
    let verbs: Vec<&str> = usable.iter().map(|e| e.verb.as_str()).collect();
    let features = if no_cause {
        vec![Feature::Always.name(), Feature::NoCause.name()]
    } else {
        situation(d, context)
    };
    let class = d.category.to_string();
    let by_policy = Policy::shipped().probabilities(&verbs, &features);
    let adjusted = adjust_by_outcomes(&by_policy, &verbs, &class, priors);
    let mut out: Vec<Action> = usable
        .iter()
        .zip(adjusted)
        .map(|(e, p)| action(e, p, context, (&d.category, service), &evidence, priors))
        .collect();
    out.sort_by(|a, b| {
        b.confidence
            .total_cmp(&a.confidence)
            .then(a.risk.cmp(&b.risk))
            .then_with(|| a.id.cmp(&b.id))
    });
    out
}

/// The inputs of an entry, each with the user's value or its default.
fn parameters(e: &Entry, context: &PlanContext) -> Vec<Parameter> {
    let given = |a: &Input| {
        context
            .given
            .get(&a.name)
            .filter(|v| a.form.fits(v))
            .cloned()
    };
    e.inputs
        .iter()
        .map(|a| {
            let given = given(a);
            Parameter {
                name: a.name.clone(),
                description: a.description.clone(),
                is_set: given.is_some(),
                value: given.unwrap_or_else(|| a.default.clone()),
                current: a.current.clone(),
                increase: a.increase,
            }
        })
        .collect()
}

fn action(
    e: &Entry,
    confidence: f64,
    context: &PlanContext,
    (category, service): (&Category, &str),
    evidence: &[Place],
    priors: &Priors,
) -> Action {
    let target = context.target_of(e.on).unwrap_or_default();
    let parameters = parameters(e, context);
    let class = category.to_string();
    let history = priors
        .track_record(&class, &e.verb)
        .map_or_else(String::new, |t| format!(" ({t})"));
    let shown_service = match service {
        "" => "the affected service",
        service => service,
    };
    let filled = |text: &str| {
        text.replace("{name}", &target.name)
            .replace("{service}", shown_service)
            .replace("{class}", &class)
    };
    let id = match e.command {
        None => e.verb.clone(),
        Some(_) => format!("{}-{}", e.verb, target.name),
    };
    let command = |form: &CommandForm| command(form, context, &target, &class, &parameters);
    let protected = context.apply.protects(&target.namespace);
    Action {
        id,
        title: filled(&e.title),
        verb: e.verb.clone(),
        command: e.command.as_ref().map(command),
        risk: if protected && e.risk >= Risk::Low {
            Risk::High
        } else {
            e.risk
        },
        reversible: e.reversible,
        rollback: e.rollback.as_ref().map(command),
        undoes: false,
        confidence,
        why: format!("{}{history}", filled(&e.why)),
        evidence: evidence.to_vec(),
        verify: filled(&e.verify),
        changes: e.changes.clone(),
        needs: e.needs.clone(),
        parameters,
        advised_by: None,
        service: service.to_string(),
        target,
        category: category.clone(),
    }
}

/// A command with everything filled in; a value that is not given yet is `<NAME>`.
fn command(
    form: &CommandForm,
    context: &PlanContext,
    target: &Target,
    class: &str,
    parameters: &[Parameter],
) -> Command {
    let object = target.object();
    let operation = match form {
        CommandForm::Patch { patch_type, body } => Operation::Patch {
            object,
            patch_type: *patch_type,
            body: filled_body(body, context, class, parameters),
            dry_run: false,
        },
        CommandForm::RolloutUndo => Operation::RolloutUndo {
            object,
            to_revision: None,
            dry_run: false,
        },
        CommandForm::RolloutHistory => Operation::RolloutHistory { object },
        CommandForm::RolloutStatus => Operation::RolloutStatus {
            object,
            timeout_s: None,
        },
        CommandForm::Get => Operation::Get {
            object,
            output: Output::Wide,
            missing_is_ok: false,
        },
        CommandForm::Describe => Operation::Describe { object },
        CommandForm::Events => Operation::List {
            kind: ObjectKind::Event,
            selector: None,
            output: None,
        },
        CommandForm::LogsPrevious => Operation::Logs {
            object,
            container: None,
            mode: LogMode::Previous,
            start: LogStart::Tail(PREVIOUS_LINES),
            timestamps: false,
        },
        CommandForm::Top => Operation::Top { object },
        CommandForm::DeletePod => Operation::DeletePod {
            uid: None,
            name: target.name.clone(),
            dry_run: false,
        },
    };
    Command::new(&context.context, &target.namespace, operation)
}

fn filled_body(body: &str, context: &PlanContext, class: &str, parameters: &[Parameter]) -> String {
    // A class may come from an imported library of incidents, so its characters are not trusted.
    let class = class.replace(
        |c: char| !c.is_ascii_alphanumeric() && !"._".contains(c),
        "-",
    );
    let known = body
        .replace(
            "{container}",
            context.container.as_deref().unwrap_or_default(),
        )
        .replace("{at}", &context.at)
        .replace("{class}", &class);
    parameters.iter().fold(known, |text, p| {
        let value = match p.value.as_str() {
            "" => format!("<{}>", p.name.to_uppercase()),
            value => json_escaped(value),
        };
        text.replace(&format!("{{{}}}", p.name), &value)
    })
}

/// A value as it is written between the quotes of a JSON string.
fn json_escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube;
    use crate::model::{FaultClass, RootCause};
    use std::collections::BTreeSet;

    fn diagnosis(category: Category) -> Diagnosis {
        let cause = RootCause {
            service: "payment".into(),
            score: 0.8,
            ..RootCause::default()
        };
        Diagnosis {
            category,
            causes: vec![cause],
            ..Diagnosis::default()
        }
    }

    fn fault(class: FaultClass) -> Diagnosis {
        diagnosis(Category::Fault(class))
    }

    fn context() -> PlanContext {
        let target = Target {
            namespace: "shop".into(),
            kind: ObjectKind::Deployment,
            name: "payment".into(),
        };
        let [pod, node, container] =
            ["payment-5c9f-x2", "node-1", "app"].map(|n| Some(n.to_string()));
        PlanContext {
            target: Some(target),
            pod,
            node,
            container,
            at: "2026-03-02T09:20:00Z".into(),
            ..PlanContext::default()
        }
    }

    fn argv(a: &Action) -> Vec<String> {
        a.command.as_ref().unwrap().argv()
    }

    fn has_placeholder(command: &Command) -> bool {
        command
            .argv()
            .iter()
            .any(|a| a.contains('<') && a != "<CONTEXT>")
    }

    #[test]
    fn offline_plans_cannot_reach_a_cluster() {
        let plan = plan(
            &fault(FaultClass::PoolExhausted),
            &context(),
            &Priors::default(),
        );
        assert_eq!(plan[0].verb, "restart");
        for a in plan.iter().filter(|a| a.command.is_some()) {
            assert_eq!(
                &argv(a)[..3],
                ["kubectl", "--context", "<CONTEXT>"],
                "{}",
                a.id
            );
        }
    }

    #[test]
    fn every_catalog_entry_passes_the_command_check() {
        let mut seen = BTreeSet::new();
        let faults = FaultClass::ALL.iter().map(|c| Category::Fault(*c));
        for category in faults.chain([Category::None]) {
            for a in plan(&diagnosis(category), &context(), &Priors::default()) {
                let Some(command) = &a.command else { continue };
                let is_missing = a.parameters.iter().any(|p| p.value.is_empty());
                assert_eq!(has_placeholder(command), is_missing, "{command}");
                assert_eq!(kube::check(&command.argv()), Ok(()), "{command}");
                for r in a.rollback.iter().filter(|r| !has_placeholder(r)) {
                    assert_eq!(kube::check(&r.argv()), Ok(()));
                }
                seen.insert(a.verb);
            }
        }
        let all: BTreeSet<String> = catalog()
            .iter()
            .filter(|e| e.command.is_some())
            .map(|e| e.verb.clone())
            .collect();
        assert_eq!(seen, all, "every entry must be proposed for some class");
    }

    #[test]
    fn a_user_value_cannot_add_fields_to_a_patch() {
        let value = "x\"}],\"hostNetwork\":true,\"y\":[{\"z\":\"\\";
        let given = [
            ("variable", "DB_HOST"),
            ("value", value),
            ("image", "good/one:1\",\"command\":[\"sh\"]"),
        ];
        let given = given.map(|(k, v)| (k.to_string(), v.to_string())).into();
        let context = PlanContext { given, ..context() };
        let plan = plan(
            &fault(FaultClass::ConnectionRefused),
            &context,
            &Priors::default(),
        );
        let env = plan.iter().find(|a| a.verb == "set-env").unwrap();
        let patch: serde_json::Value = serde_json::from_str(argv(env).last().unwrap()).unwrap();
        let container = &patch["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["env"][0]["value"], value);
        assert_eq!(container.as_object().unwrap().len(), 2, "{container}");
        let plan = super::plan(&fault(FaultClass::ImagePull), &context, &Priors::default());
        let image = plan.iter().find(|a| a.verb == "set-image").unwrap();
        assert!(
            !image.parameters[0].is_set && argv(image).last().unwrap().contains("<IMAGE>"),
            "a value of the wrong form must be ignored"
        );
    }

    #[test]
    fn actions_on_unknown_objects_are_not_proposed() {
        let context = PlanContext {
            pod: None,
            node: None,
            ..context()
        };
        let plan = plan(
            &fault(FaultClass::NodeNotReady),
            &context,
            &Priors::default(),
        );
        assert!(
            !plan
                .iter()
                .any(|a| a.verb == "delete-pod" || a.verb == "cordon")
        );
    }

    #[test]
    fn without_a_cause_no_command_is_proposed() {
        let plan = plan(&Diagnosis::default(), &context(), &Priors::default());
        assert!(plan.iter().all(|a| a.command.is_none()));
        assert_eq!(plan[0].verb, "nothing");
    }

    #[test]
    fn protected_namespaces_raise_the_risk() {
        let mut context = context();
        context.target.as_mut().unwrap().namespace = "eu-prod-1".into();
        let plan = plan(
            &fault(FaultClass::PoolExhausted),
            &context,
            &Priors::default(),
        );
        assert!(
            plan.iter()
                .filter(|a| a.verb == "restart")
                .all(|a| a.risk == Risk::High)
        );
    }

    #[test]
    fn the_policy_knows_only_verbs_features_and_classes_that_exist() {
        let verbs: BTreeSet<&str> = catalog().iter().map(|e| e.verb.as_str()).collect();
        let features: BTreeSet<&str> = Feature::ALL
            .map(Feature::name)
            .into_iter()
            .chain(FaultClass::ALL.iter().map(|c| c.name()))
            .chain(["none", "failure"])
            .collect();
        for (verb, weights) in &Policy::shipped().weights {
            assert!(verbs.contains(verb.as_str()), "unknown verb {verb}");
            for feature in weights.keys() {
                assert!(
                    features.contains(feature.as_str()),
                    "{verb}: unknown feature {feature}"
                );
            }
        }
    }
}
