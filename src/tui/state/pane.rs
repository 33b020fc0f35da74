//! The panes, and the cursor of a list. Plain data.

/// A pane of the UI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    #[default]
    Events,
    Templates,
    Detail,
    Sources,
    Anomalies,
    Diagnosis,
    Plan,
    Chat,
    Guide,
}

impl Pane {
    /// All panes, in the order of their number keys.
    pub const ALL: [Pane; 9] = [
        Pane::Events,
        Pane::Templates,
        Pane::Detail,
        Pane::Sources,
        Pane::Anomalies,
        Pane::Diagnosis,
        Pane::Plan,
        Pane::Chat,
        Pane::Guide,
    ];

    /// Whether the pane is a list of lines generated from results.
    pub fn is_report(self) -> bool {
        matches!(
            self,
            Pane::Anomalies | Pane::Diagnosis | Pane::Plan | Pane::Chat | Pane::Guide
        )
    }

    /// The heading of the pane.
    pub fn title(self) -> &'static str {
        match self {
            Pane::Events => "Events",
            Pane::Templates => "Templates",
            Pane::Detail => "Detail",
            Pane::Sources => "Sources",
            Pane::Anomalies => "Anomalies",
            Pane::Diagnosis => "Diagnosis",
            Pane::Plan => "Plan",
            Pane::Chat => "Chat",
            Pane::Guide => "Guided triage",
        }
    }
}

/// The cursor and the first visible line of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    pub cursor: usize,
    pub top: usize,
}

impl Scroll {
    /// Moves the cursor by some lines and keeps it in the list and visible.
    pub fn by(&mut self, lines: i64, len: usize, height: usize) {
        let to = (self.cursor as i64)
            .saturating_add(lines)
            .clamp(0, len.saturating_sub(1) as i64);
        self.to(to as usize, len, height);
    }

    /// Moves the cursor to a line, and scrolls just enough to show it.
    pub fn to(&mut self, cursor: usize, len: usize, height: usize) {
        self.cursor = cursor.min(len.saturating_sub(1));
        let height = height.max(1);
        if self.cursor < self.top {
            self.top = self.cursor;
        } else if self.cursor >= self.top + height {
            self.top = self.cursor + 1 - height;
        }
        self.top = self.top.min(len.saturating_sub(1));
    }

    /// Moves the cursor to a line and shows it in the middle.
    pub fn center(&mut self, cursor: usize, len: usize, height: usize) {
        self.cursor = cursor.min(len.saturating_sub(1));
        self.top = self
            .cursor
            .saturating_sub(height / 2)
            .min(len.saturating_sub(height.min(len)));
    }
}
