//! Runs the effects that `update` returns, on threads, and sends their results as messages. Does
//! not change the state.

use super::outbox::Outbox;
use super::{applying, talking};
use crate::analysis::{Analysis, Baseline, PlanFor, Selection, Verdict};
use crate::chat;
use crate::cluster;
use crate::corpus::{self, SearchRequest, Searcher, Snapshot};
use crate::model::{Action, EventId, Moment, TemplateIx};
use crate::text::redact::Redactor;
use crate::tui::panes::highlight::highlight;
use crate::tui::panes::template_values;
use crate::tui::state::analysis::Feedback;
use crate::tui::state::detail::{EventDetail, TemplateFacts};
use crate::tui::state::msg::{Effect, Msg, Purpose};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

/// Number of bins in a zoomed timeline.
const ZOOM_BINS: usize = 1024;
/// Lines shown around an event in the detail pane.
const NEIGHBOR_LINES: u64 = 8;
/// How many similar templates are shown for a template.
const RESEMBLING: usize = 5;
/// Maximum number of templates that a text finds.
const MAX_TEMPLATES_FOUND: usize = 500;
/// Jobs that may wait for the reading thread. More than a person can request while it is busy.
const JOBS: usize = 4096;
/// Partial results of a search that may wait.
const SEARCH_RESULTS: usize = 16;

/// A job for the reading thread.
type Job = Box<dyn FnOnce() + Send>;

/// Runs effects for one corpus.
pub struct Effects {
    analysis: Arc<Analysis>,
    out: Outbox,
    search: Searcher,
    filter: Searcher,
    /// The reading thread. It runs jobs in order, so that the result for the latest screen comes
    /// last.
    jobs: mpsc::SyncSender<Job>,
    /// Set when the user cancels the running answer.
    stop: Arc<AtomicBool>,
    /// Number of the latest check of an action.
    latest_preflight: Arc<AtomicU64>,
}

impl Effects {
    /// A redactor that knows the secrets of the open logs.
    pub fn redactor(&self, snapshot: &Snapshot) -> Redactor {
        self.analysis.redactor(snapshot, false)
    }

    pub fn new(analysis: Arc<Analysis>, out: Outbox) -> Effects {
        let (jobs, queue) = mpsc::sync_channel::<Job>(JOBS);
        std::thread::spawn(move || queue.into_iter().for_each(|job| job()));
        Effects {
            analysis,
            out,
            search: Searcher::default(),
            filter: Searcher::default(),
            jobs,
            stop: Arc::default(),
            latest_preflight: Arc::default(),
        }
    }

    /// Runs an effect that needs the corpus. `rows` are the rows that the filter shows; `None`:
    /// all. Does not wait.
    pub fn run(&self, effect: Effect, snapshot: Arc<Snapshot>, rows: Option<Arc<Vec<u32>>>) {
        match effect {
            Effect::Search {
                purpose,
                query,
                context,
            } => {
                self.start_search(purpose, query, context, snapshot);
            }
            Effect::CancelSearch(purpose) => self.searcher(purpose).cancel(),
            Effect::StopAsking => self.stop.store(true, Ordering::Relaxed),
            Effect::Load(_)
            | Effect::Detail(_)
            | Effect::TemplateFacts(_)
            | Effect::ExplainTemplate(_)
            | Effect::Seek { .. }
            | Effect::Histogram(..)
            | Effect::FindTemplates(_)
            | Effect::Compare(..) => self.read(effect, snapshot, rows),
            Effect::Analyze(plan_for) => self.analyze(snapshot, plan_for),
            Effect::SetBaseline(range, plan_for) => {
                let baseline = range.map_or(Baseline::Automatic, |(a, z)| Baseline::Range(a, z));
                self.analysis.set_baseline(baseline);
                self.analyze(snapshot, plan_for);
            }
            Effect::Replan(plan_for) => self.spawn(move |a| Some(planned(a, &snapshot, &plan_for))),
            Effect::Edit(_)
            | Effect::UndoEdit
            | Effect::Verdict { .. }
            | Effect::Mute(_)
            | Effect::RateAction(..) => self.remember(effect, snapshot),
            Effect::Ask(_)
            | Effect::Preview(_)
            | Effect::EstimateTokens(_)
            | Effect::Models(_)
            | Effect::Pull(..) => self.chat(effect, snapshot),
            Effect::ChooseCluster(context, plan) => self.choose_cluster(context, plan),
            Effect::Preflight(action, cluster) => {
                applying::preflight(&self.latest_preflight, self.out.clone(), action, cluster);
            }
            Effect::Apply {
                action,
                cluster,
                checked,
            } => {
                let (analysis, out) = (self.analysis.clone(), self.out.clone());
                applying::apply(analysis, out, action, cluster, checked);
            }
            // The event loop runs these, because they need the screen or a file.
            Effect::Quit
            | Effect::Suspend
            | Effect::Redraw
            | Effect::Save
            | Effect::Write(_)
            | Effect::Copy(_)
            | Effect::Open(_) => {}
        }
    }

    /// Queues a job for the reading thread and sends its result.
    fn spawn(&self, job: impl FnOnce(&Analysis) -> Option<Msg> + Send + 'static) {
        let (analysis, out) = (self.analysis.clone(), self.out.clone());
        let job: Job = Box::new(move || {
            if let Some(msg) = job(&analysis) {
                out.send(msg);
            }
        });
        // The event loop must not wait. With a full queue, the newest job is dropped.
        if self.jobs.try_send(job).is_err() {
            tracing::warn!("the reading thread is too far behind; a job was dropped");
        }
    }

    /// Effects that read the corpus.
    fn read(&self, effect: Effect, snapshot: Arc<Snapshot>, rows: Option<Arc<Vec<u32>>>) {
        match effect {
            Effect::Load(ids) => self.spawn(move |a| {
                let events = ids
                    .into_iter()
                    .filter_map(|id| a.corpus.event(&snapshot, id));
                Some(Msg::Events(events.map(Arc::new).collect()))
            }),
            Effect::Detail(id) => self.spawn(move |a| detail(a, &snapshot, id)),
            Effect::TemplateFacts(template) => {
                self.spawn(move |a| template_facts(a, &snapshot, template));
            }
            Effect::ExplainTemplate(template) => self.spawn(move |a| {
                let (values, _) = a.corpus.values(&snapshot, template);
                let template = snapshot.template(template)?;
                let words = a.corpus.explain(template.id)?;
                let lines = template_values::lines(template, &words, &values);
                Some(Msg::ShowTemplate(template.id, lines))
            }),
            Effect::Seek {
                from,
                forward,
                level,
            } => self.spawn(move |a| {
                let rows = rows.as_ref().map(|r| r.as_slice());
                let found = corpus::seek(&a.corpus, &snapshot, rows, from, forward, level);
                Some(Msg::SeekDone(found, level))
            }),
            Effect::Histogram(start, end) => self.spawn(move |a| {
                let range = (start, end);
                Some(Msg::Histogram(
                    a.corpus.histogram(&snapshot, range, ZOOM_BINS),
                ))
            }),
            Effect::FindTemplates(text) => self.spawn(move |a| {
                let ids = a.corpus.find_templates(&text, MAX_TEMPLATES_FOUND);
                Some(Msg::Templates(text, ids))
            }),
            Effect::Compare(start, end) => {
                self.spawn(move |a| Some(compared(a, &snapshot, start, end)));
            }
            _ => {}
        }
    }

    /// The analysis is slow. On the reading thread, it would block scrolling.
    fn analyze(&self, snapshot: Arc<Snapshot>, plan_for: PlanFor) {
        let (analysis, out) = (self.analysis.clone(), self.out.clone());
        std::thread::spawn(move || {
            let findings = analysis.findings(&snapshot);
            let diagnosis = analysis.diagnosis(&snapshot);
            let actions = analysis.plan_for(&snapshot, &plan_for);
            out.send(Msg::Analyzed(findings, diagnosis, actions));
            out.send(Msg::Feedback(feedback(&analysis)));
        });
    }

    /// Effects that change what is remembered about the corpus or its templates.
    fn remember(&self, effect: Effect, snapshot: Arc<Snapshot>) {
        match effect {
            Effect::Edit(edit) => self.spawn(move |a| failure(a.corpus.edit(edit))),
            Effect::UndoEdit => self.spawn(move |a| match a.corpus.undo_edit() {
                Ok(true) => Some(Msg::Notice("template change undone".into())),
                Ok(false) => Some(Msg::Notice("no template change to undo".into())),
                Err(e) => Some(Msg::Notice(e.to_string())),
            }),
            Effect::Verdict { template, up } => self.spawn(move |a| {
                let saved = a.remember(|m| match template {
                    Some(text) => {
                        m.verdicts.retain(|v| v.text != text);
                        m.verdicts.push(Verdict { text, up });
                    }
                    None if up => m.confirmed += 1,
                    None => m.false_alarms += 1,
                });
                failure(saved).or_else(|| Some(Msg::Feedback(feedback(a))))
            }),
            Effect::Mute(what) => self.spawn(move |a| {
                let saved = a.remember(|m| match m.muted.iter().position(|x| *x == what) {
                    Some(i) => drop(m.muted.remove(i)),
                    None => m.muted.push(what),
                });
                failure(saved).or_else(|| Some(Msg::Feedback(feedback(a))))
            }),
            Effect::RateAction(action, helped, plan_for) => self.spawn(move |a| {
                failure(a.rate_action(&action, helped))
                    .or_else(|| Some(planned(a, &snapshot, &plan_for)))
            }),
            _ => {}
        }
    }

    /// Effects of the chat.
    fn chat(&self, effect: Effect, snapshot: Arc<Snapshot>) {
        let talk = |talk| talking::spawn(self.out.clone(), self.stop.clone(), talk);
        match effect {
            Effect::Ask(question) => {
                talk(talking::ask(self.analysis.clone(), snapshot, question));
            }
            Effect::Models(llm) => talk(talking::models(llm)),
            Effect::Pull(model, llm) => talk(talking::pull(model, llm)),
            Effect::Preview(question) => self.spawn(move |a| {
                Some(Msg::ShowText(
                    "Request preview",
                    chat::preview(a, &snapshot, &question),
                ))
            }),
            Effect::EstimateTokens(question) => self.spawn(move |a| {
                let (tokens, window) = chat::estimate_tokens(a, &snapshot, &question);
                Some(Msg::TokensEstimated(tokens, window))
            }),
            _ => {}
        }
    }

    fn choose_cluster(&self, context: String, plan: Vec<Action>) {
        let out = self.out.clone();
        std::thread::spawn(move || {
            out.send(match cluster::connect(&context, &plan) {
                Ok(cluster) => Msg::ClusterChosen(cluster),
                Err(e) => Msg::Notice(format!("cannot use this cluster: {e}")),
            })
        });
    }

    fn searcher(&self, purpose: Purpose) -> &Searcher {
        match purpose {
            Purpose::Search => &self.search,
            Purpose::Filter => &self.filter,
        }
    }

    fn start_search(&self, purpose: Purpose, query: String, context: u32, snapshot: Arc<Snapshot>) {
        let (send, receive) = mpsc::sync_channel(SEARCH_RESULTS);
        let request = SearchRequest {
            query,
            context,
            ..SearchRequest::default()
        };
        let corpus = self.analysis.corpus.clone();
        let generation = self
            .searcher(purpose)
            .start(corpus, snapshot, request, send);
        let out = self.out.clone();
        std::thread::spawn(move || {
            for found in receive.into_iter().filter(|f| f.generation == generation) {
                out.send(Msg::Found(purpose, found));
            }
        });
    }
}

/// The message about a failure, if there is one.
fn failure<T>(result: Result<T, impl std::fmt::Display>) -> Option<Msg> {
    result.err().map(|e| Msg::Notice(e.to_string()))
}

fn planned(analysis: &Analysis, snapshot: &Snapshot, plan_for: &PlanFor) -> Msg {
    Msg::Planned(analysis.plan_for(snapshot, plan_for))
}

fn compared(analysis: &Analysis, snapshot: &Snapshot, start: Moment, end: Moment) -> Msg {
    let before = Selection::Range(start - (end - start), start);
    let compared = analysis.compare(snapshot, &before, &Selection::Range(start, end));
    let title = "Marked range compared with the same duration before it";
    Msg::ShowText(title, compared.lines(snapshot))
}

fn feedback(analysis: &Analysis) -> Feedback {
    let m = analysis.memory();
    Feedback {
        muted: m.muted,
        confirmed: m.confirmed,
        false_alarms: m.false_alarms,
    }
}

fn detail(analysis: &Analysis, snapshot: &Snapshot, id: EventId) -> Option<Msg> {
    let event = analysis.corpus.event(snapshot, id)?;
    let template = snapshot.template_of_event(id);
    let first = event.message.lines().next().unwrap_or_default();
    Some(Msg::Detail(Box::new(EventDetail {
        variables: template.map_or_else(Vec::new, |t| corpus::variables(&t.text, first)),
        body: highlight(&event.message),
        neighbors: analysis.corpus.neighbors(snapshot, id, NEIGHBOR_LINES),
        event: Arc::new(event),
    })))
}

fn template_facts(analysis: &Analysis, snapshot: &Snapshot, ix: TemplateIx) -> Option<Msg> {
    let id = snapshot.template(ix)?.id;
    let (values, events_read) = analysis.corpus.values(snapshot, ix);
    let near = snapshot.resembling(ix, RESEMBLING).into_iter();
    let resembling = near
        .filter_map(|(ix, s)| Some((snapshot.template(ix)?.id, s)))
        .collect();
    Some(Msg::Facts(TemplateFacts {
        id,
        values,
        events_read,
        resembling,
    }))
}
