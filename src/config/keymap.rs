//! The table of commands and their default keys. Help, command palette and key remapping are built
//! from it. Does not run commands.

use super::error::Error;
use std::collections::BTreeMap;

/// A command that a key or the command palette can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Command {
    Down,
    Up,
    PageDown,
    PageUp,
    HalfDown,
    HalfUp,
    NextItem,
    PreviousItem,
    Top,
    Bottom,
    Left,
    Right,
    Open,
    Back,
    NextPane,
    PreviousPane,
    Stream,
    Templates,
    Detail,
    Sources,
    Anomalies,
    Diagnosis,
    Plan,
    Chat,
    Guide,
    NextWindow,
    PreviousWindow,
    MarkRange,
    MarkBaseline,
    Apply,
    Undo,
    AskAbout,
    ThumbsUp,
    ThumbsDown,
    Mute,
    Search,
    NextMatch,
    PreviousMatch,
    NextError,
    PreviousError,
    NextWarning,
    PreviousWarning,
    GoToTime,
    OnlyTemplate,
    HideTemplate,
    OnlyService,
    HideService,
    MinLevel,
    FilterText,
    ClearFilters,
    Context,
    Sort,
    MergeTemplates,
    SplitTemplate,
    MaskWord,
    NameTemplate,
    PinTemplate,
    UndoEdit,
    ZoomIn,
    ZoomOut,
    Bookmark,
    Note,
    NextBookmark,
    PreviousBookmark,
    Follow,
    Wrap,
    Copy,
    CopyRedacted,
    Theme,
    Palette,
    Help,
    Redraw,
    Suspend,
    Cancel,
    Quit,
}

/// One row of the command table.
pub struct Row {
    pub run: Command,
    /// Name in the settings file and in the command palette.
    pub name: &'static str,
    /// Default keys.
    pub keys: &'static [&'static str],
    /// Description in the help and in the command palette.
    pub desc: &'static str,
    /// Heading in the help.
    pub group: &'static str,
}

macro_rules! rows {
    ($($group:literal { $($run:ident $name:literal [$($key:literal),*] $desc:literal;)* })*) => {
        &[$($(Row { run: Command::$run, name: $name, keys: &[$($key),*], desc: $desc, group: $group },)*)*]
    };
}

/// All commands, in the order of the help.
pub const ROWS: &[Row] = rows! {
    "Move" {
        Down "down" ["j", "down"] "next line";
        Up "up" ["k", "up"] "previous line";
        PageDown "page-down" ["space", "pagedown", "ctrl-f"] "next page";
        PageUp "page-up" ["b", "pageup", "ctrl-b"] "previous page";
        HalfDown "half-down" ["ctrl-d"] "half a page down";
        HalfUp "half-up" ["ctrl-u"] "half a page up";
        NextItem "next-item" ["J"] "next heading (panes 5 to 9)";
        PreviousItem "previous-item" ["K"] "previous heading (panes 5 to 9)";
        Top "top" ["g", "home"] "first line";
        Bottom "bottom" ["G", "end"] "last line";
        Left "left" ["h", "left"] "scroll left";
        Right "right" ["l", "right"] "scroll right";
        NextWindow "next-window" ["]"] "next anomaly";
        PreviousWindow "previous-window" ["["] "previous anomaly";
        MarkRange "mark-range" ["v"] "compare a time range (press at its start and end)";
        MarkBaseline "mark-baseline" ["B"] "set the baseline (start and end; same place: reset)";
        GoToTime "go-to-time" ["t"] "go to a time (10:15, 2024-03-01T10:15:00Z, -5m)";
        NextError "next-error" ["e"] "next error";
        PreviousError "previous-error" ["E"] "previous error";
        NextWarning "next-warning" ["w"] "next warning";
        PreviousWarning "previous-warning" ["W"] "previous warning";
    }
    "Panes" {
        Stream "stream" ["1"] "events, merged by time";
        Templates "templates" ["2"] "log templates";
        Detail "detail" ["3"] "details of the event under the cursor";
        Sources "sources" ["4"] "sources: format, lines, clock, failures";
        Anomalies "anomalies" ["5"] "anomalies and their reasons";
        Diagnosis "diagnosis" ["6"] "diagnosis: root cause, fault chain, service map";
        Plan "plan" ["7"] "recommended actions in order";
        Chat "chat" ["8"] "chat: ask about the logs";
        Guide "guide" ["9"] "guided triage, step by step";
        AskAbout "ask-about" ["i"] "ask about the item under the cursor";
        ThumbsUp "thumbs-up" ["+"] "correct alarm (templates: problem; plan: it helped)";
        ThumbsDown "thumbs-down" ["D"] "false alarm (templates: no problem; plan: no help)";
        Mute "mute" ["x"] "anomalies: mute or unmute the item under the cursor";
        Apply "apply" ["A"] "plan: choose a cluster, then apply the action";
        Undo "take-back" ["V"] "plan: undo the last applied action";
        NextPane "next-pane" ["tab"] "next pane";
        PreviousPane "previous-pane" ["backtab"] "previous pane";
        Open "open" ["enter"] "open the item under the cursor";
        Back "back" ["esc"] "go back; cancel running work";
        Sort "sort" ["o"] "templates: sort by count, change, first seen, level";
        ZoomIn "zoom-in" ["z"] "timeline: zoom in at the cursor";
        ZoomOut "zoom-out" ["Z"] "timeline: zoom out";
    }
    "Templates" {
        MergeTemplates "merge-templates" ["M"] "merge two templates (press on each)";
        SplitTemplate "split-template" ["X"] "split a merged template";
        MaskWord "mask-word" ["*"] "replace a word with a variable";
        NameTemplate "name-template" ["R"] "name the template";
        PinTemplate "pin-template" ["P"] "pin to the top, or unpin";
        UndoEdit "undo-edit" ["ctrl-x"] "undo the last template change";
    }
    "Search and filter" {
        Search "search" ["/"] "search: words, \"phrase\", level:>=warn, -not, /regex/";
        NextMatch "next-match" ["n"] "next match";
        PreviousMatch "previous-match" ["N"] "previous match";
        FilterText "filter" ["&"] "show only events that match a query";
        OnlyTemplate "only-template" ["="] "show only this template";
        HideTemplate "hide-template" ["-"] "hide this template";
        OnlyService "only-service" ["s"] "show only this service";
        HideService "hide-service" ["S"] "hide this service";
        MinLevel "min-level" ["L"] "minimum level shown: all, info, warn, error";
        Context "context" ["c"] "context lines around filtered events: 0, 3, 10";
        ClearFilters "clear-filters" ["0", "backspace"] "clear all filters";
    }
    "Bookmarks and notes" {
        Bookmark "bookmark" ["m"] "bookmark the event, or remove its bookmark";
        Note "note" ["a"] "add a note to the event";
        NextBookmark "next-bookmark" ["u"] "next bookmark";
        PreviousBookmark "previous-bookmark" ["U"] "previous bookmark";
        Copy "copy" ["y"] "copy the event (also over SSH, with OSC 52)";
        CopyRedacted "copy-redacted" ["Y"] "copy the event with secrets replaced";
    }
    "View" {
        Follow "follow" ["F"] "follow new events at the end";
        Wrap "wrap" ["ctrl-w"] "wrap long lines";
        Theme "theme" ["T"] "next theme";
        Palette "palette" [":", "ctrl-p"] "command palette";
        Help "help" ["?", "f1"] "this help";
        Redraw "redraw" ["ctrl-l"] "redraw the screen";
        Suspend "suspend" ["ctrl-z"] "suspend to the shell (`fg` resumes)";
        Cancel "cancel" ["ctrl-c"] "cancel running work; press twice to quit";
        Quit "quit" ["q"] "quit";
    }
};

/// Maps keys to commands, including the user's changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keymap {
    by_key: BTreeMap<String, Command>,
}

impl Keymap {
    /// `changes` maps a command name to the keys that replace its default keys. Returns an error
    /// that names the first unknown command.
    pub fn new(changes: &BTreeMap<String, Vec<String>>) -> Result<Keymap, Error> {
        for name in changes.keys() {
            if !ROWS.iter().any(|r| r.name == name) {
                return Err(Error::UnknownCommand(name.clone()));
            }
        }
        let mut by_key = BTreeMap::new();
        let (mut remapped, mut default) = (Vec::new(), Vec::new());
        for row in ROWS {
            match changes.get(row.name) {
                Some(keys) => remapped.extend(keys.iter().map(|k| (k.clone(), row.run))),
                None => default.extend(row.keys.iter().map(|k| ((*k).to_string(), row.run))),
            }
        }
        by_key.extend(default);
        // Inserted last, so that a remapped key replaces its default command.
        by_key.extend(remapped);
        Ok(Keymap { by_key })
    }

    /// The command of a key such as `j`, `ctrl-d` or `pagedown`.
    pub fn command(&self, key: &str) -> Option<Command> {
        self.by_key.get(key).copied()
    }

    /// Keys of a command, shortest first, for help texts.
    pub fn keys(&self, command: Command) -> Vec<&str> {
        let mut keys: Vec<&str> = self
            .by_key
            .iter()
            .filter(|(_, c)| **c == command)
            .map(|(k, _)| k.as_str())
            .collect();
        keys.sort_by_key(|k| (k.len(), *k));
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_commands_share_a_key_or_a_name() {
        let mut keys: Vec<&str> = ROWS.iter().flat_map(|r| r.keys.iter().copied()).collect();
        let n = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), n);
        let mut names: Vec<&str> = ROWS.iter().map(|r| r.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ROWS.len());
    }

    #[test]
    fn remapped_keys_replace_the_defaults_and_unknown_commands_are_errors() {
        let changes = BTreeMap::from([("quit".to_string(), vec!["j".to_string()])]);
        let map = Keymap::new(&changes).unwrap();
        assert_eq!(
            (map.command("j"), map.command("q")),
            (Some(Command::Quit), None)
        );
        assert_eq!(map.keys(Command::Down), ["down"]);
        assert!(Keymap::new(&BTreeMap::from([("x".to_string(), vec![])])).is_err());
    }
}
