//! What comes in (`Msg`) and what is to be done (`Effect`), as data. No I/O here.

use super::highlight::Highlighted;
use super::state::Judged;
use crate::chat::{Answer, Asked, Listed};
use crate::config::settings::Llm;
use crate::engine::{
    Armed, Edit, Found, Neighbour, PlanFor, Preflight, Snapshot, Timeline, Watched,
};
use crate::model::{Action, Diagnosis, Event, Findings, Level, Moment, VariableStats};
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub enum Msg {
    /// A key by name (`j`, `ctrl-d`, `pagedown`); text typed into a prompt comes the same way.
    Key(String),
    Paste(String),
    Mouse(Mouse, u16, u16),
    Resize(u16, u16),
    Snapshot(Arc<Snapshot>),
    Found(Purpose, Found),
    Events(Vec<Arc<Event>>),
    Detail(Box<DetailData>),
    Facts(TemplateFacts),
    Sought(Option<usize>, Level),
    Histogram(Timeline),
    Templates(String, Vec<u64>),
    Notice(String),
    Analysed(Arc<Findings>, Arc<Diagnosis>, Vec<Action>),
    Judged(Judged),
    Armed(Armed),
    /// What a look at an action found, by the argv that it was for.
    Looked(Vec<String>, Result<Box<Preflight>, String>),
    /// What came of an action, and the one that takes it back.
    Applied(Vec<String>, Option<Box<Action>>),
    /// How what was applied stands in the followed logs.
    Watched(Watched),
    Planned(Vec<Action>),
    ChatStep(String),
    ChatPiece(String),
    ChatThought(String),
    Models(Vec<Listed>),
    /// A model that the server has now, or why not.
    Pulled(String, Option<String>),
    Meter(u64, u64),
    ChatDone(Box<Answer>),
    /// A text to read: title and lines.
    Told(&'static str, Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mouse {
    Click,
    Up,
    Down,
}

/// What a search is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Search,
    Filter,
}

/// Everything that the detail pane shows of one event.
#[derive(Clone, Debug)]
pub struct DetailData {
    pub event: Arc<Event>,
    pub variables: Vec<String>,
    pub body: Highlighted,
    pub neighbours: Vec<Neighbour>,
}

/// What takes a look at the events of a template to know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TemplateFacts {
    pub id: u64,
    pub values: Vec<VariableStats>,
    /// Events looked at.
    pub looked: u64,
    /// Templates like it, nearest first: index and similarity (0..1).
    pub resembling: Vec<(u64, f32)>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Quit,
    Suspend,
    Redraw,
    Search {
        purpose: Purpose,
        query: String,
        context: u32,
    },
    CancelSearch(Purpose),
    Load(Vec<u32>),
    Detail(u32),
    Values(usize),
    Seek {
        from: usize,
        forward: bool,
        level: Level,
    },
    Histogram(Moment, Moment),
    FindTemplates(String),
    Edit(Edit),
    UndoEdit,
    Analyse(PlanFor),
    /// Judge by a stretch of time, or by the automatic baseline again.
    Rebase(Option<(Moment, Moment)>, PlanFor),
    Compare(Moment, Moment),
    Ask(Box<Asked>),
    /// Show what would be sent.
    Preview(Box<Asked>),
    /// How much would go with a question.
    Meter(Box<Asked>),
    /// What models the server has; get a further one.
    Models(Llm),
    Pull(String, Llm),
    /// The journal: marks, conversations, the guide.
    Save,
    /// A report, as lines of Markdown.
    Write(Vec<String>),
    StopAsking,
    /// See where a context leads, and whether it holds what the plan is about.
    Arm(String, Vec<Action>),
    Preflight(Box<Action>, Armed),
    Apply {
        action: Box<Action>,
        armed: Armed,
        /// What the look found; without it there is one now.
        card: Option<Box<Preflight>>,
    },
    Replan(PlanFor),
    /// It helped, or it did not.
    JudgeAction(Box<Action>, bool, PlanFor),
    /// Right or a false alarm: a window, or a template by its text.
    Verdict {
        template: Option<String>,
        up: bool,
    },
    /// Hide findings of this kind or template; again: show them.
    Mute(String),
    Copy(String),
    Open(Vec<PathBuf>),
}
