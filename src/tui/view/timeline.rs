//! Draws the timeline: the number of events over time, colored by level. A row below it marks
//! errors and the cursor, for terminals without color. Does not count the events.

use super::style;
use crate::model::{Level, Moment, Severity};
use crate::text::civil::{human_duration, rfc3339};
use crate::tui::panes::format::width;
use crate::tui::panes::row::severity;
use crate::tui::panes::timeline::range;
use crate::tui::state::State;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws the chart, the anomalies and the time labels.
pub fn draw(frame: &mut Frame<'_>, state: &State, area: Rect) {
    if area.height == 0 {
        return;
    }
    let (start, end) = range(state);
    if end <= start && state.snapshot.timeline.bins.is_empty() {
        let text = if state.snapshot.progress.finished {
            "No timeline: no event has a timestamp."
        } else {
            "Reading…"
        };
        frame.render_widget(Paragraph::new(text).style(style::of(state, "dim")), area);
        return;
    }
    let columns = usize::from(area.width);
    let bins = columns_of(state, columns, start, end);
    // If there is room, anomalies and the cursor get a row of their own above the labels.
    let anomaly_rows = usize::from(area.height >= 4);
    let rows = usize::from(area.height) - 1 - anomaly_rows;
    let max = bins
        .iter()
        .map(|b| b.iter().sum::<u64>())
        .max()
        .unwrap_or(0)
        .max(1);
    let mut lines = Vec::with_capacity(rows + 1);
    for row in (0..rows).rev() {
        let spans = bins.iter().map(|bin| {
            let total: u64 = bin.iter().sum();
            // Square-root scale: keeps single errors visible next to bursts.
            let filled = ((total as f64 / max as f64).sqrt() * (rows * 8) as f64).ceil() as usize;
            let eighths = filled.saturating_sub(row * 8).min(8);
            Span::styled(BARS[eighths].to_string(), color(state, bin))
        });
        lines.push(Line::from(spans.collect::<Vec<_>>()));
    }
    if anomaly_rows > 0 {
        lines.push(anomaly_row(state, columns, start, end));
    }
    lines.push(label_row(
        state,
        &bins,
        columns,
        start,
        end,
        anomaly_rows == 0,
    ));
    frame.render_widget(Paragraph::new(lines), area);
}

/// Number of events per level for each column.
fn columns_of(
    state: &State,
    columns: usize,
    start: Moment,
    end: Moment,
) -> Vec<[u64; Level::COUNT]> {
    let mut out = vec![[0u64; Level::COUNT]; columns];
    let timeline = state.shown_timeline();
    let span = (end - start).max(1) as f64;
    for (i, bin) in timeline.bins.iter().enumerate() {
        let middle = timeline.start_of(i) + timeline.width() / 2;
        let at = ((middle.clamp(start, end) - start) as f64 / span * columns as f64) as usize;
        let column = &mut out[at.min(columns - 1)];
        column
            .iter_mut()
            .zip(bin)
            .for_each(|(a, b)| *a += u64::from(*b));
    }
    out
}

/// Red from 5% errors, yellow from 5% warnings.
fn color(state: &State, bin: &[u64; Level::COUNT]) -> ratatui::style::Style {
    let total: u64 = bin.iter().sum();
    let errors = bin[Level::Error.index()] + bin[Level::Fatal.index()];
    let warnings = bin[Level::Warn.index()];
    let share = |n: u64| n * 20 >= total.max(1);
    match () {
        () if errors > 0 && share(errors) => style::of(state, "error"),
        () if warnings > 0 && share(warnings) => style::of(state, "warn"),
        () => style::of(state, "bar"),
    }
}

/// The column of a time, where `start` is the first column and `end` the last.
fn column_of(t: Moment, columns: usize, start: Moment, end: Moment) -> usize {
    let share = (t - start) as f64 / (end - start).max(1) as f64;
    ((share * columns as f64) as usize).min(columns - 1)
}

/// Draws the anomalies, with the letter and color of their severity, and the cursor.
fn anomaly_row(state: &State, columns: usize, start: Moment, end: Moment) -> Line<'static> {
    let mut marks: Vec<(char, &str)> = vec![(' ', "dim"); columns];
    let windows = state
        .analysis
        .findings
        .iter()
        .flat_map(|f| f.windows.iter().rev())
        .filter(|w| w.end >= start && w.start <= end);
    for w in windows {
        let (role, letter) = severity(w.severity);
        let (a, z) = (
            column_of(w.start.max(start), columns, start, end),
            column_of(w.end.min(end), columns, start, end),
        );
        marks[a..=z].fill((
            if w.severity >= Severity::Medium {
                '━'
            } else {
                '╌'
            },
            role,
        ));
        marks[a] = (letter, role);
    }
    if let Some(t) = state.selected_time().filter(|t| (start..=end).contains(t)) {
        marks[column_of(t, columns, start, end)] = ('▲', "focus");
    }
    Line::from(
        marks
            .into_iter()
            .map(|(c, role)| Span::styled(c.to_string(), style::of(state, role)))
            .collect::<Vec<_>>(),
    )
}

/// Draws the start time, the end time and the duration. Between them, `!` marks columns with
/// errors, and `▲` the cursor if it is not drawn in a row of its own.
fn label_row(
    state: &State,
    bins: &[[u64; Level::COUNT]],
    columns: usize,
    start: Moment,
    end: Moment,
    with_cursor: bool,
) -> Line<'static> {
    let left = rfc3339(start, 0);
    let right = rfc3339(end, 0);
    let zoom = if state.timeline.range.is_some() {
        ", Z zooms out"
    } else {
        ""
    };
    let label_left = format!("{} ", &left[..left.len() - 1].replace('T', " "));
    let label_right = format!(
        " {} ({}{zoom})",
        &right[11..right.len() - 1],
        human_duration(end - start)
    );
    let cursor = state.selected_time().filter(|t| *t >= start && *t <= end);
    let cursor = cursor
        .filter(|_| with_cursor)
        .map(|t| column_of(t, columns, start, end));
    let mut marks: Vec<(char, &str)> = bins
        .iter()
        .map(|b| {
            if b[Level::Error.index()] + b[Level::Fatal.index()] > 0 {
                ('!', "error")
            } else {
                ('─', "border")
            }
        })
        .collect();
    if let Some(c) = cursor {
        marks[c] = ('▲', "focus");
    }
    let (l, r) = (width(&label_left), width(&label_right));
    let mut spans = Vec::new();
    let room = columns > l + r + 10;
    for (i, (mark, role)) in marks.into_iter().enumerate() {
        if room && (i < l || i + r >= columns) && mark != '▲' {
            let c = if i < l {
                label_left.chars().nth(i)
            } else {
                label_right.chars().nth(i + r - columns)
            };
            spans.push(Span::styled(
                c.unwrap_or(' ').to_string(),
                style::of(state, "dim"),
            ));
        } else {
            spans.push(Span::styled(mark.to_string(), style::of(state, role)));
        }
    }
    Line::from(spans)
}
