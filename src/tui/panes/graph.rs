//! Draws a directed graph as boxes and lines of characters, with callers on the left. Each box is
//! in the layer of its longest path, and the order in a layer follows the mean position of the
//! neighbors (Sugiyama's method). Pure functions. Knows nothing about services.

use crate::text::cycles::closing_edges;
use crate::tui::state::detail::StyledLine;
use unicode_width::UnicodeWidthStr;

/// A box: its text and its theme role.
pub struct Box {
    pub label: String,
    pub role: &'static str,
}

/// Calls as pairs of box indexes: caller, callee.
pub type Edges = Vec<(usize, usize)>;

/// Number of passes that reorder the layers.
const SWEEPS: usize = 6;
/// Height of a box, in rows.
const BOX_HEIGHT: usize = 3;
// Directions in which a line leaves a cell, as bits.
const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

/// An item of a layer: a box, or a place where an edge passes through to a later layer.
struct Item {
    /// The index of the box; `None` for an edge that passes through.
    box_index: Option<usize>,
    layer: usize,
    /// Row of the item's middle.
    row: usize,
    /// Items of the next layer that this one is connected to.
    targets: Vec<usize>,
}

/// Returns the drawing and the edges that close a cycle, which are not drawn.
pub fn draw(boxes: &[Box], edges: &[(usize, usize)]) -> (Vec<StyledLine>, Edges) {
    let (forward, back) = split_cycles(boxes.len(), edges);
    let mut items = items(boxes.len(), &forward);
    let layers = order_layers(&mut items);
    (Canvas::new(boxes, &items, &layers).strips(), back)
}

/// Splits the edges into those that form no cycle and those that close one.
fn split_cycles(n: usize, edges: &[(usize, usize)]) -> (Edges, Edges) {
    let edges: Edges = edges
        .iter()
        .copied()
        .filter(|e| e.0 < n && e.1 < n)
        .collect();
    let (mut forward, mut back) = (Edges::new(), Edges::new());
    for (edge, closes) in edges.iter().zip(closing_edges(n, &edges)) {
        if closes { &mut back } else { &mut forward }.push(*edge);
    }
    (forward, back)
}

/// Creates one item for each box, and one for each layer that an edge passes through.
fn items(n: usize, edges: &[(usize, usize)]) -> Vec<Item> {
    let mut layer = vec![0; n];
    for _ in 0..n {
        edges
            .iter()
            .for_each(|(a, b)| layer[*b] = layer[*b].max(layer[*a] + 1));
    }
    let mut items: Vec<Item> = (0..n)
        .map(|i| Item {
            box_index: Some(i),
            layer: layer[i],
            row: 0,
            targets: Vec::new(),
        })
        .collect();
    for (a, b) in edges {
        let mut from = *a;
        for between in layer[*a] + 1..layer[*b] {
            items.push(Item {
                box_index: None,
                layer: between,
                row: 0,
                targets: Vec::new(),
            });
            let next = items.len() - 1;
            items[from].targets.push(next);
            from = next;
        }
        items[from].targets.push(*b);
    }
    items
}

/// Returns the items of each layer from top to bottom, and sets each item's row.
fn order_layers(items: &mut [Item]) -> Vec<Vec<usize>> {
    let count = items.iter().map(|i| i.layer + 1).max().unwrap_or(0);
    let mut layers: Vec<Vec<usize>> = (0..count)
        .map(|l| (0..items.len()).filter(|i| items[*i].layer == l).collect())
        .collect();
    for sweep in 0..SWEEPS {
        let place: Vec<f64> = (0..items.len())
            .map(|i| {
                layers[items[i].layer]
                    .iter()
                    .position(|x| *x == i)
                    .unwrap_or(0) as f64
                    / layers[items[i].layer].len() as f64
            })
            .collect();
        let order = if sweep % 2 == 0 {
            (0..count).collect::<Vec<_>>()
        } else {
            (0..count).rev().collect()
        };
        for l in order {
            let mean = |i: usize| -> f64 {
                let near: Vec<f64> = if sweep % 2 == 0 {
                    (0..items.len())
                        .filter(|j| items[*j].targets.contains(&i))
                        .map(|j| place[j])
                        .collect()
                } else {
                    items[i].targets.iter().map(|j| place[*j]).collect()
                };
                if near.is_empty() {
                    place[i]
                } else {
                    near.iter().sum::<f64>() / near.len() as f64
                }
            };
            let mut keyed: Vec<(f64, usize)> = layers[l].iter().map(|i| (mean(*i), *i)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            layers[l] = keyed.into_iter().map(|k| k.1).collect();
        }
    }
    let height = |i: usize, items: &[Item]| {
        if items[i].box_index.is_some() {
            BOX_HEIGHT
        } else {
            1
        }
    };
    let tallest = layers
        .iter()
        .map(|l| l.iter().map(|i| height(*i, items)).sum::<usize>())
        .max()
        .unwrap_or(0);
    for l in &layers {
        let mut at = (tallest - l.iter().map(|i| height(*i, items)).sum::<usize>()) / 2;
        for i in l {
            let h = height(*i, items);
            items[*i].row = at + h / 2;
            at += h;
        }
    }
    layers
}

/// The drawing under construction.
struct Canvas {
    /// Rows of characters with their theme roles: the boxes and the arrow heads.
    cells: Vec<Vec<(char, &'static str)>>,
    /// For each cell, the directions in which lines leave it.
    lines: Vec<Vec<u8>>,
}

impl Canvas {
    fn new(boxes: &[Box], items: &[Item], layers: &[Vec<usize>]) -> Canvas {
        let rows = items.iter().map(|i| i.row + 2).max().unwrap_or(0);
        let column_width = |l: &[usize]| {
            l.iter()
                .filter_map(|i| items[*i].box_index)
                .map(|b| boxes[b].label.width() + 4)
                .max()
                .unwrap_or(1)
        };
        let trunks = |l: &[usize]| l.iter().filter(|i| !items[**i].targets.is_empty()).count();
        let mut starts = Vec::new();
        let mut columns = 0;
        for l in layers {
            starts.push(columns);
            columns += column_width(l) + trunks(l) + 3;
        }
        let mut canvas = Canvas {
            cells: vec![vec![(' ', "dim"); columns]; rows],
            lines: vec![vec![0; columns]; rows],
        };
        for (n, l) in layers.iter().enumerate() {
            let end = starts[n] + column_width(l);
            for i in l {
                match items[*i].box_index {
                    Some(b) => {
                        canvas.draw_box(&boxes[b], items[*i].row, starts[n], column_width(l))
                    }
                    None => canvas.horizontal(items[*i].row, starts[n] - 1, end),
                }
            }
            let sources = l.iter().filter(|i| !items[**i].targets.is_empty());
            for (k, i) in sources.enumerate() {
                let trunk = end + 1 + k;
                canvas.lines[items[*i].row][end] |= LEFT;
                canvas.horizontal(items[*i].row, end, trunk);
                for t in &items[*i].targets {
                    let to = &items[*t];
                    canvas.vertical(trunk, items[*i].row, to.row);
                    canvas.horizontal(to.row, trunk, starts[n + 1] - 1);
                    if to.box_index.is_some() {
                        canvas.cells[to.row][starts[n + 1] - 1] = ('▶', "dim");
                    }
                }
            }
        }
        canvas
    }

    fn draw_box(&mut self, b: &Box, row: usize, from: usize, width: usize) {
        let inner = width - 2;
        let text = format!(
            " {}{}",
            b.label,
            " ".repeat(inner.saturating_sub(b.label.width() + 1))
        );
        for (at, line) in [
            (row - 1, format!("┌{}┐", "─".repeat(inner))),
            (row, format!("│{text}│")),
            (row + 1, format!("└{}┘", "─".repeat(inner))),
        ] {
            for (k, c) in line.chars().enumerate() {
                self.cells[at][from + k] = (c, b.role);
            }
        }
    }

    /// Draws a line along a row, from the cell `from` to the cell `to`.
    fn horizontal(&mut self, row: usize, from: usize, to: usize) {
        for x in from..to {
            self.lines[row][x] |= RIGHT;
            self.lines[row][x + 1] |= LEFT;
        }
    }

    /// Draws a line along a column, between the rows `from` and `to`.
    fn vertical(&mut self, column: usize, from: usize, to: usize) {
        for row in from.min(to)..from.max(to) {
            self.lines[row][column] |= DOWN;
            self.lines[row + 1][column] |= UP;
        }
    }

    /// Turns the lines into characters and joins cells of the same role.
    fn strips(self) -> Vec<StyledLine> {
        let glyph = |mask: u8| match mask {
            0 => ' ',
            m if m == LEFT | RIGHT || m == LEFT || m == RIGHT => '─',
            m if m == UP | DOWN || m == UP || m == DOWN => '│',
            m if m == DOWN | RIGHT => '┌',
            m if m == DOWN | LEFT => '┐',
            m if m == UP | RIGHT => '└',
            m if m == UP | LEFT => '┘',
            m if m == UP | DOWN | RIGHT => '├',
            m if m == UP | DOWN | LEFT => '┤',
            m if m == DOWN | LEFT | RIGHT => '┬',
            m if m == UP | LEFT | RIGHT => '┴',
            _ => '┼',
        };
        let mut out = Vec::new();
        for (cells, lines) in self.cells.into_iter().zip(self.lines) {
            let mut strip: StyledLine = Vec::new();
            for ((c, role), mask) in cells.into_iter().zip(lines) {
                let c = if c == ' ' && role == "dim" {
                    glyph(mask)
                } else {
                    c
                };
                match strip.last_mut() {
                    Some((r, text)) if *r == role => text.push(c),
                    _ => strip.push((role, c.to_string())),
                }
            }
            out.push(strip);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(names: &[&str], edges: &[(usize, usize)]) -> String {
        let boxes: Vec<Box> = names
            .iter()
            .map(|n| Box {
                label: (*n).into(),
                role: "text",
            })
            .collect();
        let (strips, _) = draw(&boxes, edges);
        strips
            .iter()
            .map(|s| {
                s.iter()
                    .map(|p| p.1.as_str())
                    .collect::<String>()
                    .trim_end()
                    .to_string()
                    + "\n"
            })
            .collect()
    }

    #[test]
    fn callers_are_left_of_their_callees() {
        insta::assert_snapshot!(drawing(
            &["front", "orders", "user", "db"],
            &[(0, 1), (0, 2), (1, 2), (1, 3), (0, 3)]
        ));
    }

    #[test]
    fn edges_that_close_a_cycle_are_returned_and_not_drawn() {
        let boxes = [
            Box {
                label: "a".into(),
                role: "text",
            },
            Box {
                label: "b".into(),
                role: "text",
            },
        ];
        let (strips, back) = draw(&boxes, &[(0, 1), (1, 0), (1, 1)]);
        assert_eq!((strips.len(), back), (3, vec![(1, 0), (1, 1)]));
        assert!(draw(&[], &[(0, 1)]).0.is_empty());
    }

    #[test]
    fn two_hundred_services_can_be_drawn() {
        let boxes: Vec<Box> = (0..200)
            .map(|i| Box {
                label: format!("service-{i}"),
                role: "text",
            })
            .collect();
        let edges: Vec<(usize, usize)> = (1..200).map(|i| (i / 3, i)).collect();
        assert!(draw(&boxes, &edges).0.len() >= 200);
    }
}
