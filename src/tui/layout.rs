//! Computes where the panes are, from the terminal size and the current pane. Drawing, paging and
//! mouse handling all use it. Draws nothing.

use super::state::State;
use super::state::pane::Pane;
use ratatui::layout::Rect;

/// Whether templates and detail fit next to the event list.
pub fn is_wide((columns, rows): (u16, u16)) -> bool {
    columns >= 110 && rows >= 20
}

/// The areas of the screen, in terminal cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub title: Rect,
    pub timeline: Rect,
    main: Rect,
    /// The current pane.
    pane: Pane,
    /// On wide screens: the templates and the detail, to the right of the events.
    side: Option<(Rect, Rect)>,
    pub status: Rect,
}

impl Layout {
    /// The layout for a terminal size (columns, rows) and a current pane.
    pub fn new((w, h): (u16, u16), pane: Pane) -> Layout {
        let timeline_height = match h {
            0..12 => 0,
            12..18 => 2,
            18..30 => 4,
            _ => 6,
        };
        let at = |y: u16, height: u16| Rect {
            x: 0,
            y: y.min(h),
            width: w,
            height: height.min(h.saturating_sub(y)),
        };
        let body_top = 1 + timeline_height;
        let body = at(body_top, h.saturating_sub(body_top + 1));
        let mut layout = Layout {
            title: at(0, 1),
            timeline: at(1, timeline_height),
            main: body,
            pane,
            side: None,
            status: at(h.saturating_sub(1), 1),
        };
        if is_wide((w, h)) && pane != Pane::Sources && !pane.is_report() {
            let left = body.width * 3 / 5;
            let top = body.height / 2;
            let x = left + 1;
            let width = body.width - x;
            layout.main.width = left;
            layout.side = Some((
                Rect {
                    x,
                    width,
                    height: top,
                    ..body
                },
                Rect {
                    x,
                    y: body.y + top,
                    width,
                    height: body.height - top,
                },
            ));
        }
        layout
    }

    /// The layout of the screen as it is now.
    pub fn of(state: &State) -> Layout {
        Layout::new(state.size, state.pane)
    }

    /// The panes that are shown, and where.
    pub fn panes(&self) -> Vec<(Pane, Rect)> {
        match self.side {
            None => vec![(self.pane, self.main)],
            Some((upper, lower)) => vec![
                (Pane::Events, self.main),
                (Pane::Templates, upper),
                (Pane::Detail, lower),
            ],
        }
    }

    /// Number of events that fit in the events pane.
    pub fn event_lines(&self) -> usize {
        usize::from(self.main.height.saturating_sub(1))
    }

    /// Number of rows that fit in the templates pane, the sources pane or a report pane.
    pub fn list_lines(&self) -> usize {
        usize::from(
            self.side
                .map_or(self.main.height, |(upper, _)| upper.height)
                .saturating_sub(2),
        )
    }

    /// Position of a cell on the timeline, as a fraction of its width (0..1). `None` outside of it.
    pub fn timeline_at(&self, x: u16, y: u16) -> Option<f64> {
        let inside = self.timeline.height > 0
            && (self.timeline.y..self.timeline.bottom()).contains(&y)
            && self.timeline.width > 0;
        inside.then(|| f64::from(x) / f64::from(self.timeline.width))
    }

    /// The pane at a cell, and the row of its list there, counted from the first visible row.
    pub fn line_at(&self, x: u16, y: u16) -> Option<(Pane, Option<usize>)> {
        let (pane, area) = self
            .panes()
            .into_iter()
            .find(|(_, a)| a.contains((x, y).into()))?;
        let head = match pane {
            Pane::Events => 1,
            Pane::Templates | Pane::Sources => 2,
            _ => return Some((pane, None)),
        };
        Some((pane, (y - area.y).checked_sub(head).map(usize::from)))
    }
}
