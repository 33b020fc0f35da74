//! Where the panes are, for a size and a state. Pure: drawing, paging and the mouse all ask it.

use super::super::state::{Pane, State};
use ratatui::layout::Rect;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub title: Rect,
    pub timeline: Rect,
    main: Rect,
    /// On wide screens: beside the stream.
    side: Option<(Rect, Rect)>,
    pub status: Rect,
}

impl Layout {
    pub fn of(state: &State) -> Layout {
        let (w, h) = state.size;
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
            side: None,
            status: at(h.saturating_sub(1), 1),
        };
        if state.is_wide() && state.pane != Pane::Sources && !state.pane.is_report() {
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

    pub fn panes(&self, state: &State) -> Vec<(Pane, Rect)> {
        match self.side {
            None => vec![(state.pane, self.main)],
            Some((upper, lower)) => vec![
                (Pane::Stream, self.main),
                (Pane::Templates, upper),
                (Pane::Detail, lower),
            ],
        }
    }

    /// Lines of the stream that fit.
    pub fn stream_lines(&self) -> usize {
        usize::from(self.main.height.saturating_sub(1))
    }

    /// Lines of the template table or the list of sources that fit.
    pub fn list_lines(&self) -> usize {
        usize::from(
            self.side
                .map_or(self.main.height, |(upper, _)| upper.height)
                .saturating_sub(2),
        )
    }

    /// How far along the time line a place is.
    pub fn timeline_at(&self, x: u16, y: u16) -> Option<f64> {
        let inside = self.timeline.height > 0
            && (self.timeline.y..self.timeline.bottom()).contains(&y)
            && self.timeline.width > 0;
        inside.then(|| f64::from(x) / f64::from(self.timeline.width))
    }

    /// Pane at a place, and the line of its list there.
    pub fn line_at(&self, state: &State, x: u16, y: u16) -> Option<(Pane, Option<usize>)> {
        let (pane, area) = self
            .panes(state)
            .into_iter()
            .find(|(_, a)| a.contains((x, y).into()))?;
        let head = match pane {
            Pane::Stream => 1,
            Pane::Templates | Pane::Sources => 2,
            _ => return Some((pane, None)),
        };
        Some((pane, (y - area.y).checked_sub(head).map(usize::from)))
    }
}
