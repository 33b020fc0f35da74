//! The input of `update` (`Msg`) and the work it requests (`Effect`), as data. Does no I/O.

use super::analysis::Feedback;
use super::detail::{EventDetail, TemplateFacts};
use super::plan::Checked;
use crate::analysis::PlanFor;
use crate::chat::{Answer, ModelInfo, Question};
use crate::cluster::{Connection, Preflight, WatchState};
use crate::config::settings::Llm;
use crate::corpus::{Edit, SearchResults, Snapshot, Timeline};
use crate::model::{
    Action, Command, Diagnosis, Event, EventId, Findings, Level, Moment, TemplateIx, TemplateKey,
};
use std::path::PathBuf;
use std::sync::Arc;

/// An event for `update`: user input, a new snapshot, or the result of an effect.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key by name, such as `j`, `ctrl-d` or `pagedown`. Text typed into a prompt also arrives as
    /// keys.
    Key(String),
    Paste(String),
    /// A mouse event at a column and row.
    Mouse(Mouse, u16, u16),
    /// The new width and height.
    Resize(u16, u16),
    Snapshot(Arc<Snapshot>),
    /// Matches of a search or filter, complete or so far.
    Found(Purpose, SearchResults),
    Events(Vec<Arc<Event>>),
    Detail(Box<EventDetail>),
    Facts(TemplateFacts),
    /// The row of the next event of a level, if there is one.
    SeekDone(Option<usize>, Level),
    /// The zoomed timeline.
    Histogram(Timeline),
    /// Ids of the templates that match a text.
    Templates(String, Vec<TemplateKey>),
    /// A message for the status line.
    Notice(String),
    Analyzed(Arc<Findings>, Arc<Diagnosis>, Vec<Action>),
    Feedback(Feedback),
    /// The cluster that the user chose for this run.
    ClusterChosen(Connection),
    /// The result of the checks of an action, which its command identifies.
    PreflightDone(Command, Box<Checked>),
    /// The output of an applied action, and the action that undoes it.
    Applied(Vec<String>, Option<Box<Action>>),
    /// The effect of the applied action so far, from the followed logs.
    WatchUpdated(WatchState),
    /// A new plan.
    Planned(Vec<Action>),
    /// What the chat is doing now.
    ChatStep(String),
    /// The next piece of the answer.
    ChatPiece(String),
    /// The next piece of the model's thinking.
    ChatThinking(String),
    /// The models of the server.
    Models(Vec<ModelInfo>),
    /// A model was downloaded, or an error message.
    Pulled(String, Option<String>),
    /// Tokens that a question sends, and the size of the context window in tokens.
    TokensEstimated(u64, u64),
    ChatDone(Box<Answer>),
    /// A text to show in an overlay: title and lines.
    ShowText(&'static str, Vec<String>),
    /// The values of a template, to show in an overlay.
    ShowTemplate(TemplateKey, Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mouse {
    Click,
    Up,
    Down,
}

/// Whether a query searches the events or filters them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Search,
    Filter,
}

/// Work that `update` requests and does not do itself.
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
    /// Reads events.
    Load(Vec<EventId>),
    Detail(EventId),
    /// Reads the facts about a template.
    TemplateFacts(TemplateIx),
    /// Reads the values of a template, and why its words are variables or constants.
    ExplainTemplate(TemplateIx),
    /// Finds the next or previous event of a level.
    Seek {
        from: usize,
        forward: bool,
        level: Level,
    },
    Histogram(Moment, Moment),
    FindTemplates(String),
    Edit(Edit),
    UndoEdit,
    Analyze(PlanFor),
    /// Analyzes again with a time range as the baseline; `None`: the automatic baseline.
    SetBaseline(Option<(Moment, Moment)>, PlanFor),
    /// Compares a time range with the same duration before it.
    Compare(Moment, Moment),
    Ask(Box<Question>),
    /// Shows the request of a question without sending it.
    Preview(Box<Question>),
    /// Counts the tokens that a question would send.
    EstimateTokens(Box<Question>),
    /// Lists the models of the server.
    Models(Llm),
    /// Downloads a model.
    Pull(String, Llm),
    /// Saves the journal: bookmarks, conversations and the guide.
    Save,
    /// Writes a report, given as lines of Markdown.
    Write(Vec<String>),
    StopAsking,
    /// Resolves a context to a cluster, and checks that the targets of the plan exist there.
    ChooseCluster(String, Vec<Action>),
    /// Checks an action against the live cluster.
    Preflight(Box<Action>, Connection),
    Apply {
        action: Box<Action>,
        cluster: Connection,
        /// The result of earlier checks; `None`: the checks run first.
        checked: Option<Box<Preflight>>,
    },
    Replan(PlanFor),
    /// Records whether an action helped.
    RateAction(Box<Action>, bool, PlanFor),
    /// Records a correct or a false alarm: for a template by its text, or for an anomaly (`None`).
    Verdict {
        template: Option<String>,
        up: bool,
    },
    /// Mutes an anomaly, reason kind or template; unmutes it if it is muted.
    Mute(String),
    Copy(String),
    Open(Vec<PathBuf>),
}
