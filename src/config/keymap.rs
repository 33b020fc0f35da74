//! Commands and the keys that run them, as a table. Help, palette and remapping are made from it. Knows no behaviour.

use std::collections::BTreeMap;

/// What a key or the palette can do.
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
    TakeBack,
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
    Theme,
    Palette,
    Help,
    Redraw,
    Suspend,
    Cancel,
    Quit,
}

/// One row of the table: command, name for the settings, default keys, what it does, group in the help.
pub struct Row {
    pub run: Command,
    pub name: &'static str,
    pub on: &'static [&'static str],
    pub desc: &'static str,
    pub group: &'static str,
}

macro_rules! rows {
    ($($group:literal { $($run:ident $name:literal [$($on:literal),*] $desc:literal;)* })*) => {
        &[$($(Row { run: Command::$run, name: $name, on: &[$($on),*], desc: $desc, group: $group },)*)*]
    };
}

pub const ROWS: &[Row] = rows! {
    "Move" {
        Down "down" ["j", "down"] "next line";
        Up "up" ["k", "up"] "previous line";
        PageDown "page-down" ["space", "pagedown", "ctrl-f"] "next page";
        PageUp "page-up" ["b", "pageup", "ctrl-b"] "previous page";
        HalfDown "half-down" ["ctrl-d"] "half a page down";
        HalfUp "half-up" ["ctrl-u"] "half a page up";
        NextItem "next-item" ["J"] "in the panes 5 to 9: next heading (action, window, cause)";
        PreviousItem "previous-item" ["K"] "in the panes 5 to 9: heading before";
        Top "top" ["g", "home"] "first line";
        Bottom "bottom" ["G", "end"] "last line";
        Left "left" ["h", "left"] "scroll left; earlier on the time line";
        Right "right" ["l", "right"] "scroll right; later on the time line";
        NextWindow "next-window" ["]"] "next window that is not normal";
        PreviousWindow "previous-window" ["["] "previous window that is not normal";
        MarkRange "mark-range" ["v"] "mark a range: press at both ends, read what differs from before";
        MarkBaseline "mark-baseline" ["B"] "what is normal: press at both ends of a quiet stretch; on an empty one: automatic again";
        GoToTime "go-to-time" ["t"] "go to a time (10:15, 2024-03-01T10:15:00Z, -5m)";
        NextError "next-error" ["e"] "next error";
        PreviousError "previous-error" ["E"] "previous error";
        NextWarning "next-warning" ["w"] "next warning";
        PreviousWarning "previous-warning" ["W"] "previous warning";
    }
    "Panes" {
        Stream "stream" ["1"] "events, merged by time";
        Templates "templates" ["2"] "templates: what the lines collapse into";
        Detail "detail" ["3"] "everything about the event under the cursor";
        Sources "sources" ["4"] "files: format, lines, clock, failures";
        Anomalies "anomalies" ["5"] "windows that are not normal, each with its reasons";
        Diagnosis "diagnosis" ["6"] "what failed first, the chain, the service map";
        Plan "plan" ["7"] "what to do, in order";
        Chat "chat" ["8"] "ask the corpus";
        Guide "guide" ["9"] "guided triage: step by step from what this is to the report";
        AskAbout "ask-about" ["i"] "ask about what is under the cursor";
        ThumbsUp "thumbs-up" ["+"] "right: this window (among templates: trouble; in the plan: it helped)";
        ThumbsDown "thumbs-down" ["D"] "wrong: a false alarm (templates: no trouble; plan: it did not help)";
        Mute "mute" ["x"] "among windows: hide this window, template or kind; again shows it";
        Apply "apply" ["A"] "plan: arm a context; then apply what is under the cursor, once it is checked";
        TakeBack "take-back" ["V"] "plan: revert the action applied last, after the same checks";
        NextPane "next-pane" ["tab"] "next pane";
        PreviousPane "previous-pane" ["backtab"] "previous pane";
        Open "open" ["enter"] "open what is under the cursor";
        Back "back" ["esc"] "back; cancels what runs";
        Sort "sort" ["o"] "templates: sort by count, change, first seen, level";
        ZoomIn "zoom-in" ["z"] "time line: closer around the cursor";
        ZoomOut "zoom-out" ["Z"] "time line: further out";
    }
    "Templates" {
        MergeTemplates "merge-templates" ["M"] "merge: press on one, then on another";
        SplitTemplate "split-template" ["X"] "split into what it was merged from";
        MaskWord "mask-word" ["*"] "make a word of it a variable";
        NameTemplate "name-template" ["R"] "give it a name";
        PinTemplate "pin-template" ["P"] "pin to the top, or unpin";
        UndoEdit "undo-edit" ["ctrl-x"] "take back the last change of a template";
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
        MinLevel "min-level" ["L"] "least level shown: all, info, warn, error";
        Context "context" ["c"] "lines around what the filter shows: 0, 3, 10";
        ClearFilters "clear-filters" ["0", "backspace"] "show everything again";
    }
    "Keep" {
        Bookmark "bookmark" ["m"] "mark this event, or unmark it";
        Note "note" ["a"] "write a note on this event";
        NextBookmark "next-bookmark" ["u"] "next mark";
        PreviousBookmark "previous-bookmark" ["U"] "previous mark";
        Copy "copy" ["y"] "copy this event (also over SSH, by OSC 52)";
    }
    "View" {
        Follow "follow" ["F"] "follow: stay at the end as lines come";
        Wrap "wrap" ["ctrl-w"] "wrap long lines";
        Theme "theme" ["T"] "next theme";
        Palette "palette" [":", "ctrl-p"] "every command, by name";
        Help "help" ["?", "f1"] "this help";
        Redraw "redraw" ["ctrl-l"] "draw the screen anew";
        Suspend "suspend" ["ctrl-z"] "to the shell; fg comes back";
        Cancel "cancel" ["ctrl-c"] "stop what runs; twice: quit";
        Quit "quit" ["q"] "quit";
    }
};

/// Keys to commands, the user's choices applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keymap {
    by_key: BTreeMap<String, Command>,
}

impl Keymap {
    /// `changes`: command name -> keys that replace its default ones.
    pub fn new(changes: &BTreeMap<String, Vec<String>>) -> Result<Keymap, String> {
        for name in changes.keys() {
            if !ROWS.iter().any(|r| r.name == name) {
                return Err(format!(
                    "settings, keys: there is no command '{name}' (`?` in faultline lists them)"
                ));
            }
        }
        let mut by_key = BTreeMap::new();
        let (mut taken, mut default) = (Vec::new(), Vec::new());
        for row in ROWS {
            match changes.get(row.name) {
                Some(keys) => taken.extend(keys.iter().map(|k| (k.clone(), row.run))),
                None => default.extend(row.on.iter().map(|k| ((*k).to_string(), row.run))),
            }
        }
        // A key that the user gave away is no longer what it was by default.
        by_key.extend(default);
        by_key.extend(taken);
        Ok(Keymap { by_key })
    }

    /// The command of a key such as `j`, `ctrl-d`, `pagedown`.
    pub fn command(&self, key: &str) -> Option<Command> {
        self.by_key.get(key).copied()
    }

    /// Keys of a command, for help texts.
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
        let mut keys: Vec<&str> = ROWS.iter().flat_map(|r| r.on.iter().copied()).collect();
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
    fn every_key_can_be_remapped() {
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
