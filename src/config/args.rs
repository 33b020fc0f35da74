//! The command line as data. Knows no commands' behaviour.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Full-screen terminal debugger for logs. Opens files, directories, globs, archives, compressed files and pipes ('-').
#[derive(Debug, Parser)]
#[command(
    name = "faultline",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Files, directories, globs, archives, or '-' for standard input; none: pick a recent corpus or a sample
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    #[command(flatten)]
    pub global: Global,
}

#[derive(Clone, Debug, Default, Args)]
pub struct Global {
    /// Output format of headless commands
    #[arg(long, global = true, value_enum, default_value_t)]
    pub format: OutputFormat,
    /// Only events from here on: RFC 3339, or a duration before the last event (15m)
    #[arg(long, global = true, value_name = "TIME")]
    pub since: Option<String>,
    /// Only events before this: RFC 3339, or a duration before the last event
    #[arg(long, global = true, value_name = "TIME")]
    pub until: Option<String>,
    /// Time zone of stamps without one (Europe/Berlin, +02:00); UTC unless given
    #[arg(long, global = true, value_name = "ZONE")]
    pub tz: Option<String>,
    /// Use no language model
    #[arg(long, global = true)]
    pub no_llm: bool,
    /// Address of the Ollama server (else OLLAMA_HOST, else http://127.0.0.1:11434)
    #[arg(long, global = true, value_name = "URL")]
    pub ollama: Option<String>,
    /// Model to ask
    #[arg(long, global = true, value_name = "NAME")]
    pub model: Option<String>,
    /// Change nothing anywhere: no action is applied
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Neither read nor write the cache
    #[arg(long, global = true)]
    pub no_cache: bool,
    /// File of bookmarks, notes, conversations and guided triage, in place of the one in the data folder
    #[arg(long, global = true, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Theme of the terminal UI
    #[arg(long, global = true, value_name = "NAME")]
    pub theme: Option<String>,
    /// Settings file to use in place of the one in the config folder
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read every source as this log format
    #[arg(long, global = true, value_name = "NAME")]
    pub format_as: Option<String>,
    /// Most bytes that one byte of an archive may expand to
    #[arg(long, global = true, value_name = "N")]
    pub max_ratio: Option<u64>,
    /// Most archives inside each other
    #[arg(long, global = true, value_name = "N")]
    pub max_depth: Option<u32>,
    /// Most members of all archives
    #[arg(long, global = true, value_name = "N")]
    pub max_members: Option<u64>,
    /// Most bytes that archives may expand to
    #[arg(long, global = true, value_name = "N")]
    pub max_bytes: Option<u64>,
    /// Print figures about the run as the last line of stderr (JSON)
    #[arg(long, global = true)]
    pub stats: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    #[default]
    Text,
    Json,
    /// Reports alone
    Markdown,
    /// A PagerDuty Events v2 payload, of `triage` alone
    Pagerduty,
}

/// What `ask` is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Task {
    Parse,
    Anomalies,
    Explain,
    Cause,
    Fix,
    Compare,
    Summarise,
    Timeline,
    Classify,
}

impl Task {
    pub fn name(self) -> &'static str {
        match self {
            Task::Parse => "parse",
            Task::Anomalies => "anomalies",
            Task::Explain => "explain",
            Task::Cause => "cause",
            Task::Fix => "fix",
            Task::Compare => "compare",
            Task::Summarise => "summarise",
            Task::Timeline => "timeline",
            Task::Classify => "classify",
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum IncidentCommand {
    /// All known incidents
    List,
    /// One incident in full
    Show { id: String },
    /// Keep what a corpus shows as an incident, with its verified cause and what fixed it
    Save {
        #[arg(long)]
        title: String,
        #[arg(long)]
        cause: String,
        #[arg(long)]
        fix: String,
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Forget one of your own
    Remove { id: String },
    /// Write your own incidents to a file
    Export { file: PathBuf },
    /// Take incidents in from a file
    Import { file: PathBuf },
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The templates that the lines collapse into
    Templates {
        /// One record per event
        #[arg(long)]
        lines: bool,
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Events that match a query: words, "phrases", field:value, AND OR -not ( ), /regex/
    Search {
        /// Only the number of matches
        #[arg(long)]
        count: bool,
        /// Count and print physical lines, not events
        #[arg(long)]
        lines: bool,
        #[arg(allow_hyphen_values = true)]
        query: String,
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Windows that are not normal, with their reasons
    Anomalies {
        /// Score sessions in place of windows: lines that share what REGEX matches, an identifier type, or lines:N
        #[arg(long, value_name = "REGEX|TYPE|lines:N")]
        by: Option<String>,
        /// What is normal: T1..T2, or another bundle
        #[arg(long, value_name = "T1..T2|PATH")]
        baseline: Option<String>,
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// What differs between two inputs, or two ranges of time
    Compare {
        /// Compare ranges of time A..B C..D within these
        #[arg(long = "in", value_name = "PATH", num_args = 1..)]
        inside: Vec<PathBuf>,
        /// Two inputs, or with --in two ranges of time
        #[arg(value_name = "A B")]
        what: Vec<String>,
    },
    /// Which service failed first, the fault chain, the service map with outage probabilities
    Diagnose {
        /// What is normal: T1..T2, or a folder of other captures of the same system
        #[arg(long, value_name = "T1..T2|PATH")]
        baseline: Option<String>,
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Severity and category of each event
    Classify {
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Remediation actions in order, each with argv, risk, rollback, confidence, evidence
    Plan {
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// One planned action, through the gate: refuses without a connected context and, off a terminal, without --yes
    Apply {
        /// Id of the action, as `plan` prints it
        action: String,
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Context of the kubeconfig to act in
        #[arg(long)]
        context: Option<String>,
        /// A value that the action asks for, as its name and the value: --set replicas=4
        #[arg(long, value_name = "NAME=VALUE")]
        set: Vec<String>,
        /// Do it without asking
        #[arg(long)]
        yes: bool,
    },
    /// One question to the corpus, answered on standard output
    Ask {
        #[arg(long, value_enum)]
        task: Option<Task>,
        /// The question (optional with --task), then the paths
        #[arg(required = true, value_name = "QUESTION PATH")]
        words: Vec<String>,
    },
    /// All of it as one report: what is not normal, what failed first, what to do
    Triage {
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Live pod logs by kubectl
    Kube {
        #[arg(short = 'n', long)]
        namespace: Option<String>,
        #[arg(short = 'l', long)]
        selector: Option<String>,
        #[arg(long)]
        context: Option<String>,
        #[arg(long)]
        all_containers: bool,
        #[arg(long)]
        previous: bool,
    },
    /// The library of known incidents
    Incidents {
        #[command(subcommand)]
        what: IncidentCommand,
    },
    /// A shell completion script
    Completions { shell: clap_complete::Shell },
    /// The manual page
    Man,
}
