//! The command-line arguments, as clap types. Runs no command.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Full-screen terminal debugger for logs. Opens files, directories, globs, archives, compressed
/// files and pipes ('-').
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

    /// Files, directories, globs, archives, or '-' for standard input; without PATH, choose a
    /// recent corpus or a sample
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    #[command(flatten)]
    pub global: Global,
}

#[derive(Clone, Debug, Default, Args)]
pub struct Global {
    /// Output format of the non-interactive commands
    #[arg(long, global = true, value_enum, default_value_t)]
    pub format: OutputFormat,
    /// Only events at or after TIME: RFC 3339, or a duration before the last event (15m)
    #[arg(long, global = true, value_name = "TIME")]
    pub since: Option<String>,
    /// Only events before TIME: RFC 3339, or a duration before the last event (15m)
    #[arg(long, global = true, value_name = "TIME")]
    pub until: Option<String>,
    /// Time zone for timestamps that have none (Europe/Berlin, +02:00); defaults to UTC
    #[arg(long, global = true, value_name = "ZONE")]
    pub tz: Option<String>,
    /// Do not use a language model
    #[arg(long, global = true)]
    pub no_llm: bool,
    /// URL of the Ollama server; defaults to OLLAMA_HOST, then to http://127.0.0.1:11434
    #[arg(long, global = true, value_name = "URL")]
    pub ollama: Option<String>,
    /// Name of the language model
    #[arg(long, global = true, value_name = "NAME")]
    pub model: Option<String>,
    /// Never apply an action to a cluster
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Do not read or write the cache
    #[arg(long, global = true)]
    pub no_cache: bool,
    /// Keep bookmarks, notes, conversations and guided triage in FILE instead of the data directory
    #[arg(long, global = true, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Color theme of the terminal UI
    #[arg(long, global = true, value_name = "NAME")]
    pub theme: Option<String>,
    /// Settings file to use instead of the one in the config directory
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Parse every source as this log format
    #[arg(long, global = true, value_name = "NAME")]
    pub format_as: Option<String>,
    /// Maximum expansion ratio of an archive
    #[arg(long, global = true, value_name = "N")]
    pub max_ratio: Option<u64>,
    /// Maximum nesting depth of archives
    #[arg(long, global = true, value_name = "N")]
    pub max_depth: Option<u32>,
    /// Maximum total number of archive members
    #[arg(long, global = true, value_name = "N")]
    pub max_members: Option<u64>,
    /// Maximum total size of expanded archives, in bytes
    #[arg(long, global = true, value_name = "N")]
    pub max_bytes: Option<u64>,
    /// Write what faultline does to FILE, for bug reports; FAULTLINE_LOG does the same
    #[arg(long, global = true, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Print statistics of the run as JSON on the last line of stderr
    #[arg(long, global = true)]
    pub stats: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    #[default]
    Text,
    Json,
    /// `triage` only
    Markdown,
    /// PagerDuty Events v2 payload, `triage` only
    Pagerduty,
}

/// A predefined task of `ask`.
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
    /// Name on the command line and in the prompt file.
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
    /// List all known incidents
    List,
    /// Show one incident in full
    Show { id: String },
    /// Save the failure in the input as a known incident, with its verified cause and fix
    Save {
        /// Short title of the incident
        #[arg(long)]
        title: String,
        /// Verified cause
        #[arg(long)]
        cause: String,
        /// What fixed it
        #[arg(long)]
        fix: String,
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Remove one of your own incidents
    Remove { id: String },
    /// Write your own incidents to a file
    Export { file: PathBuf },
    /// Add the incidents from a file
    Import { file: PathBuf },
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the log templates
    Templates {
        /// Print one record per event instead
        #[arg(long)]
        lines: bool,
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Search events with a query: words, "phrases", field:value, AND OR -not ( ), /regex/
    Search {
        /// Print only the number of matches
        #[arg(long)]
        count: bool,
        /// Count and print physical lines instead of events
        #[arg(long)]
        lines: bool,
        #[arg(allow_hyphen_values = true)]
        query: String,
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// List anomalies with their reasons
    Anomalies {
        /// Score sessions instead of time windows; group lines by the text that REGEX matches, by
        /// an identifier TYPE, or in runs of N lines
        #[arg(long, value_name = "REGEX|TYPE|lines:N")]
        by: Option<String>,
        /// Baseline to compare with: a time range, or the path of another bundle
        #[arg(long, value_name = "T1..T2|PATH")]
        baseline: Option<String>,
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Compare two inputs or two time ranges
    Compare {
        /// Compare two time ranges (A..B C..D) within these inputs
        #[arg(long = "in", value_name = "PATH", num_args = 1..)]
        inside: Vec<PathBuf>,
        /// Two inputs, or two time ranges with --in
        #[arg(value_name = "A B")]
        what: Vec<String>,
    },
    /// Find the service that failed first, the fault chain, and the fault probability of each
    /// service
    Diagnose {
        /// Baseline to compare with: a time range, or a directory of other captures of the same
        /// system
        #[arg(long, value_name = "T1..T2|PATH")]
        baseline: Option<String>,
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Classify each event by severity and category
    Classify {
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Learn from labelled messages for this run: a CSV file with the columns log and label (1 = abnormal)
        #[arg(long, value_name = "FILE")]
        learn: Option<PathBuf>,
    },
    /// List recommended actions in order, with command, risk, rollback, confidence and evidence
    Plan {
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Check and apply one planned action; needs --context, and --yes when not run in a terminal
    Apply {
        /// Action id, as printed by `plan`
        action: String,
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Kubeconfig context of the cluster to change
        #[arg(long)]
        context: Option<String>,
        /// Set a parameter of the action, for example --set replicas=4
        #[arg(long, value_name = "NAME=VALUE")]
        set: Vec<String>,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Ask one question about the logs and print the answer
    Ask {
        /// Predefined task
        #[arg(long, value_enum)]
        task: Option<Task>,
        /// Question (optional with --task), followed by the paths
        #[arg(required = true, value_name = "QUESTION PATH")]
        words: Vec<String>,
    },
    /// Print one report with anomalies, root cause and recommended actions
    Triage {
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Read live pod logs with kubectl
    Kube {
        /// Namespace of the pods; defaults to "default"
        #[arg(short = 'n', long)]
        namespace: Option<String>,
        /// Label selector of the pods
        #[arg(short = 'l', long)]
        selector: Option<String>,
        /// Kubeconfig context of the cluster
        #[arg(long)]
        context: Option<String>,
        /// Read all containers of each pod
        #[arg(long)]
        all_containers: bool,
        /// Read the logs of the previous instance of each container
        #[arg(long)]
        previous: bool,
    },
    /// Manage the library of known incidents
    Incidents {
        #[command(subcommand)]
        what: IncidentCommand,
    },
    /// Print a shell completion script
    Completions { shell: clap_complete::Shell },
    /// Print the manual page
    Man,
}
