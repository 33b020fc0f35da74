//! Does what `update` asks for, on threads, and sends back messages. The only place of the screen that reads the corpus.

use super::applying;
use super::highlight::highlight;
use super::msg::{DetailData, Effect, Msg, Purpose, TemplateFacts};
use super::state::Judged;
use crate::chat::{self, Server};
use crate::engine::{
    self, Ask, Baseline, Corpus, Part, Searcher, Snapshot, Timeline, Verdict, seek, variables,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use tokio::sync::mpsc::UnboundedSender;

/// Bins of a zoomed time line.
const ZOOM_BINS: usize = 1024;
/// Lines around an event in the detail.
const AROUND: u64 = 8;
/// Templates like the one looked at.
const RESEMBLING: usize = 5;

/// A job for the reading thread.
type Job = Box<dyn FnOnce() + Send>;

pub struct Effects {
    corpus: Arc<Corpus>,
    out: UnboundedSender<Msg>,
    search: Searcher,
    filter: Searcher,
    /// Reads events and details in order, so that the latest screen is served last.
    jobs: mpsc::Sender<Job>,
    /// The answer that is being given is no longer wanted.
    stop: Arc<AtomicBool>,
    /// The latest look at an action.
    looks: Arc<AtomicU64>,
}

impl Effects {
    pub fn new(corpus: Arc<Corpus>, out: UnboundedSender<Msg>) -> Effects {
        let (jobs, queue) = mpsc::channel::<Job>();
        std::thread::spawn(move || queue.into_iter().for_each(|job| job()));
        Effects {
            corpus,
            out,
            search: Searcher::default(),
            filter: Searcher::default(),
            jobs,
            stop: Arc::default(),
            looks: Arc::default(),
        }
    }

    fn spawn(&self, job: impl FnOnce(&Corpus) -> Option<Msg> + Send + 'static) {
        let (corpus, out) = (self.corpus.clone(), self.out.clone());
        let job: Job = Box::new(move || {
            if let Some(msg) = job(&corpus) {
                out.send(msg).ok();
            }
        });
        self.jobs.send(job).ok();
    }

    /// Runs an effect that needs the corpus; `rows` are those that the filter shows.
    pub fn run(&self, effect: Effect, snapshot: Arc<Snapshot>, rows: Option<Arc<Vec<u32>>>) {
        match effect {
            Effect::Search {
                purpose,
                query,
                context,
            } => self.start_search(purpose, query, context, snapshot),
            Effect::CancelSearch(Purpose::Search) => self.search.cancel(),
            Effect::CancelSearch(Purpose::Filter) => self.filter.cancel(),
            Effect::Load(ids) => self.spawn(move |c| {
                let events = ids
                    .into_iter()
                    .filter_map(|id| c.event(&snapshot, id))
                    .map(Arc::new)
                    .collect();
                Some(Msg::Events(events))
            }),
            Effect::Detail(id) => self.spawn(move |c| detail(c, &snapshot, id)),
            Effect::Values(template) => self.spawn(move |c| {
                let id = snapshot.templates.get(template)?.id;
                let (values, looked) = c.values(&snapshot, template);
                let near = snapshot.resembling(template, RESEMBLING);
                let resembling = near
                    .into_iter()
                    .map(|(i, s)| (snapshot.templates[i].id, s))
                    .collect();
                Some(Msg::Facts(TemplateFacts {
                    id,
                    values,
                    looked,
                    resembling,
                }))
            }),
            Effect::Seek {
                from,
                forward,
                level,
            } => self.spawn(move |c| {
                let rows = rows.as_ref().map(|r| r.as_slice());
                Some(Msg::Sought(
                    seek(c, &snapshot, rows, from, forward, level),
                    level,
                ))
            }),
            Effect::Histogram(start, end) => self.spawn(move |c| {
                Some(Msg::Histogram(Timeline::of_range(
                    c, &snapshot, start, end, ZOOM_BINS,
                )))
            }),
            Effect::Analyse(plan) => {
                // Apart from the reading thread: the screen goes on while this takes its time.
                let (c, out) = (self.corpus.clone(), self.out.clone());
                std::thread::spawn(move || {
                    let findings = c.findings_of(&snapshot);
                    let diagnosis = c.diagnosis_of(&snapshot);
                    let actions = c.plan_for(&snapshot, &diagnosis, &plan);
                    out.send(Msg::Analysed(findings, diagnosis, actions)).ok();
                    out.send(Msg::Judged(judged(&c))).ok();
                });
            }
            Effect::Rebase(range, plan) => {
                let (c, out) = (self.corpus.clone(), self.out.clone());
                std::thread::spawn(move || {
                    let baseline =
                        range.map_or(Baseline::Automatic, |(a, z)| Baseline::Range(a, z));
                    let findings = c.findings(&snapshot, &baseline);
                    let diagnosis = c.diagnose(&snapshot, &findings, None, &|_| true);
                    let actions = c.plan_for(&snapshot, &diagnosis, &plan);
                    out.send(Msg::Analysed(
                        Arc::new(findings),
                        Arc::new(diagnosis),
                        actions,
                    ))
                    .ok();
                });
            }
            Effect::Replan(plan) => self.spawn(move |c| {
                Some(Msg::Planned(c.plan_for(
                    &snapshot,
                    &c.diagnosis_of(&snapshot),
                    &plan,
                )))
            }),
            Effect::JudgeAction(action, helped, plan) => self.spawn(move |c| {
                let kept = c.judge_action(&action, helped);
                Some(kept.map_or_else(Msg::Notice, |()| {
                    Msg::Planned(c.plan_for(&snapshot, &c.diagnosis_of(&snapshot), &plan))
                }))
            }),
            Effect::Arm(context, plan) => {
                let out = self.out.clone();
                std::thread::spawn(move || {
                    let msg = engine::arm(&context, &plan)
                        .map_or_else(|e| Msg::Notice(format!("not armed: {e}")), Msg::Armed);
                    out.send(msg).ok();
                });
            }
            Effect::Preflight(action, armed) => {
                applying::look(&self.looks, self.out.clone(), action, armed)
            }
            Effect::Apply {
                action,
                armed,
                card,
            } => applying::apply(self.corpus.clone(), self.out.clone(), action, armed, card),
            Effect::Verdict { template, up } => self.spawn(move |c| {
                let kept = c.remember(|m| match template {
                    Some(text) => {
                        m.verdicts.retain(|v| v.text != text);
                        m.verdicts.push(Verdict { text, up });
                    }
                    None if up => m.confirmed += 1,
                    None => m.false_alarms += 1,
                });
                Some(kept.map_or_else(Msg::Notice, |()| Msg::Judged(judged(c))))
            }),
            Effect::Mute(what) => self.spawn(move |c| {
                let kept = c.remember(|m| match m.muted.iter().position(|x| *x == what) {
                    Some(i) => drop(m.muted.remove(i)),
                    None => m.muted.push(what),
                });
                Some(kept.map_or_else(Msg::Notice, |()| Msg::Judged(judged(c))))
            }),
            Effect::Compare(a, z) => self.spawn(move |c| {
                let before = Part::Range(a - (z - a), a);
                let compared = c.compare(&snapshot, &before, &Part::Range(a, z));
                Some(Msg::Told(
                    "The marked range against as long a time before it",
                    compared.lines(&snapshot),
                ))
            }),
            Effect::Ask(asked) => {
                let corpus = self.corpus.clone();
                self.talk(move |each, runtime| {
                    let mut hear = |event| {
                        each(match event {
                            chat::Event::Step(step) => Msg::ChatStep(step),
                            chat::Event::Piece(piece) => Msg::ChatPiece(piece),
                            chat::Event::Thought(piece) => Msg::ChatThought(piece),
                        })
                    };
                    Msg::ChatDone(Box::new(
                        runtime.block_on(chat::ask(&corpus, &snapshot, &asked, &mut hear)),
                    ))
                });
            }
            Effect::Preview(asked) => self.spawn(move |c| {
                Some(Msg::Told(
                    "What would be sent",
                    chat::preview(c, &snapshot, &asked),
                ))
            }),
            Effect::Meter(asked) => self.spawn(move |c| {
                let (tokens, window) = chat::meter(c, &snapshot, &asked);
                Some(Msg::Meter(tokens, window))
            }),
            Effect::Models(llm) => self.talk(move |_, runtime| {
                match runtime.block_on(chat::models(&Server::find(llm.ollama.as_deref()))) {
                    Ok(models) if models.is_empty() => Msg::Notice(
                        "the server has no model yet; get one with /pull qwen3:8b".into(),
                    ),
                    Ok(models) => Msg::Models(models),
                    Err(e) => Msg::Notice(e.0),
                }
            }),
            Effect::Pull(model, llm) => self.talk(move |each, runtime| {
                let server = Server::find(llm.ollama.as_deref());
                let mut told = |step| each(Msg::ChatStep(step));
                let done = runtime.block_on(server.pull(&model, &mut told));
                Msg::Pulled(model, done.err().map(|e| e.0))
            }),
            Effect::StopAsking => self.stop.store(true, Ordering::Relaxed),
            Effect::Edit(edit) => self.spawn(move |c| c.edit(edit).err().map(Msg::Notice)),
            Effect::UndoEdit => self.spawn(move |c| match c.undo_edit() {
                Ok(true) => Some(Msg::Notice("taken back".into())),
                Ok(false) => Some(Msg::Notice("no change of a template to take back".into())),
                Err(e) => Some(Msg::Notice(e)),
            }),
            Effect::FindTemplates(text) => self.spawn(move |c| {
                let ids = c.terms()?.templates(&text, 500).ok()?;
                Some(Msg::Templates(text, ids))
            }),
            _ => {}
        }
    }

    /// Talks to the model server on a thread of its own; what comes on the way are messages, and Esc stops it.
    fn talk(
        &self,
        talk: impl FnOnce(&mut (dyn FnMut(Msg) -> bool + Send), &tokio::runtime::Runtime) -> Msg
        + Send
        + 'static,
    ) {
        self.stop.store(false, Ordering::Relaxed);
        let (out, stop) = (self.out.clone(), self.stop.clone());
        std::thread::spawn(move || {
            let msg = match tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
            {
                Ok(runtime) => {
                    let tell = out.clone();
                    let mut each =
                        move |msg| tell.send(msg).is_ok() && !stop.load(Ordering::Relaxed);
                    talk(&mut each, &runtime)
                }
                Err(e) => Msg::Notice(format!("cannot ask: {e}")),
            };
            out.send(msg).ok();
        });
    }

    fn start_search(&self, purpose: Purpose, query: String, context: u32, snapshot: Arc<Snapshot>) {
        let searcher = if purpose == Purpose::Search {
            &self.search
        } else {
            &self.filter
        };
        let (send, receive) = mpsc::channel();
        let generation = searcher.start(
            self.corpus.clone(),
            snapshot,
            Ask {
                query,
                context,
                ..Ask::default()
            },
            send,
        );
        let out = self.out.clone();
        std::thread::spawn(move || {
            for found in receive.into_iter().filter(|f| f.generation == generation) {
                out.send(Msg::Found(purpose, found)).ok();
            }
        });
    }
}

fn judged(corpus: &Corpus) -> Judged {
    let m = corpus.memory();
    Judged {
        muted: m.muted,
        confirmed: m.confirmed,
        false_alarms: m.false_alarms,
    }
}

fn detail(corpus: &Corpus, snapshot: &Snapshot, id: u32) -> Option<Msg> {
    let event = corpus.event(snapshot, id)?;
    let template = snapshot
        .kind(id)
        .and_then(|k| snapshot.template_of.get(k as usize))
        .and_then(|t| snapshot.templates.get(*t as usize));
    let first = event.message.lines().next().unwrap_or_default();
    let variables = template.map_or_else(Vec::new, |t| variables(&t.text, first));
    let body = highlight(&event.message);
    let neighbours = corpus.neighbours(snapshot, id, AROUND);
    Some(Msg::Detail(Box::new(DetailData {
        event: Arc::new(event),
        variables,
        body,
        neighbours,
    })))
}
