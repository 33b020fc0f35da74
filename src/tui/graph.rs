//! Boxes and the lines between them, drawn with characters: callers to the left, what they call to the right. Layers by the
//! longest path, order within them by the mean place of the neighbours (Sugiyama's method), lines at right angles. Pure.

use unicode_width::UnicodeWidthStr;

/// A box: its text and the role that colours it.
pub struct Box {
    pub label: String,
    pub role: &'static str,
}

/// Who calls whom, as numbers of boxes.
pub type Edges = Vec<(usize, usize)>;

/// A line of the picture: pieces of text with their roles.
pub type Strip = Vec<(String, &'static str)>;

const SWEEPS: usize = 6;
const HIGH: usize = 3;
const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

/// What stands in a layer: a box, or a place where a longer line passes through.
struct Item {
    shown: Option<usize>,
    layer: usize,
    /// Row of its middle.
    row: usize,
    targets: Vec<usize>,
}

/// The picture, and the lines that would lead back (they make a circle and are not drawn).
pub fn draw(boxes: &[Box], edges: &[(usize, usize)]) -> (Vec<Strip>, Edges) {
    let (forward, back) = without_circles(boxes.len(), edges);
    let mut items = items(boxes.len(), &forward);
    let layers = ordered(&mut items);
    (Canvas::new(boxes, &items, &layers).strips(), back)
}

/// Splits the edges into those that run one way and those that close a circle.
fn without_circles(n: usize, edges: &[(usize, usize)]) -> (Edges, Edges) {
    let (mut forward, mut back) = (Edges::new(), Edges::new());
    for (a, b) in edges.iter().filter(|e| e.0 < n && e.1 < n) {
        let mut reached = vec![*b];
        let mut at = 0;
        while at < reached.len() {
            let next: Vec<usize> = forward
                .iter()
                .filter(|e| e.0 == reached[at])
                .map(|e| e.1)
                .collect();
            reached.extend(
                next.into_iter()
                    .filter(|x| !reached.contains(x))
                    .collect::<Vec<_>>(),
            );
            at += 1;
        }
        if reached.contains(a) {
            back.push((*a, *b))
        } else {
            forward.push((*a, *b))
        }
    }
    (forward, back)
}

/// One item for each box, and one for each layer that an edge passes.
fn items(n: usize, edges: &[(usize, usize)]) -> Vec<Item> {
    let mut layer = vec![0; n];
    for _ in 0..n {
        edges
            .iter()
            .for_each(|(a, b)| layer[*b] = layer[*b].max(layer[*a] + 1));
    }
    let mut items: Vec<Item> = (0..n)
        .map(|i| Item {
            shown: Some(i),
            layer: layer[i],
            row: 0,
            targets: Vec::new(),
        })
        .collect();
    for (a, b) in edges {
        let mut from = *a;
        for between in layer[*a] + 1..layer[*b] {
            items.push(Item {
                shown: None,
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

/// The layers with their items from top to bottom, and each item's row.
fn ordered(items: &mut [Item]) -> Vec<Vec<usize>> {
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
    let high = |i: usize, items: &[Item]| if items[i].shown.is_some() { HIGH } else { 1 };
    let most = layers
        .iter()
        .map(|l| l.iter().map(|i| high(*i, items)).sum::<usize>())
        .max()
        .unwrap_or(0);
    for l in &layers {
        let mut at = (most - l.iter().map(|i| high(*i, items)).sum::<usize>()) / 2;
        for i in l {
            let h = high(*i, items);
            items[*i].row = at + h / 2;
            at += h;
        }
    }
    layers
}

struct Canvas {
    cells: Vec<Vec<(char, &'static str)>>,
    /// Directions in which a line leaves a cell.
    lines: Vec<Vec<u8>>,
}

impl Canvas {
    fn new(boxes: &[Box], items: &[Item], layers: &[Vec<usize>]) -> Canvas {
        let rows = items.iter().map(|i| i.row + 2).max().unwrap_or(0);
        let wide = |l: &[usize]| {
            l.iter()
                .filter_map(|i| items[*i].shown)
                .map(|b| boxes[b].label.width() + 4)
                .max()
                .unwrap_or(1)
        };
        let trunks = |l: &[usize]| l.iter().filter(|i| !items[**i].targets.is_empty()).count();
        let mut starts = Vec::new();
        let mut columns = 0;
        for l in layers {
            starts.push(columns);
            columns += wide(l) + trunks(l) + 3;
        }
        let mut canvas = Canvas {
            cells: vec![vec![(' ', "dim"); columns]; rows],
            lines: vec![vec![0; columns]; rows],
        };
        for (n, l) in layers.iter().enumerate() {
            let end = starts[n] + wide(l);
            for i in l {
                match items[*i].shown {
                    Some(b) => canvas.boxed(&boxes[b], items[*i].row, starts[n], wide(l)),
                    None => canvas.across(items[*i].row, starts[n] - 1, end),
                }
            }
            let sources = l.iter().filter(|i| !items[**i].targets.is_empty());
            for (k, i) in sources.enumerate() {
                let trunk = end + 1 + k;
                canvas.lines[items[*i].row][end] |= LEFT;
                canvas.across(items[*i].row, end, trunk);
                for t in &items[*i].targets {
                    let to = &items[*t];
                    canvas.down(trunk, items[*i].row, to.row);
                    canvas.across(to.row, trunk, starts[n + 1] - 1);
                    if to.shown.is_some() {
                        canvas.cells[to.row][starts[n + 1] - 1] = ('▶', "dim");
                    }
                }
            }
        }
        canvas
    }

    fn boxed(&mut self, b: &Box, row: usize, from: usize, wide: usize) {
        let inner = wide - 2;
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

    /// A line along a row, from the cell `from` to the cell `to`.
    fn across(&mut self, row: usize, from: usize, to: usize) {
        for x in from..to {
            self.lines[row][x] |= RIGHT;
            self.lines[row][x + 1] |= LEFT;
        }
    }

    fn down(&mut self, column: usize, from: usize, to: usize) {
        for row in from.min(to)..from.max(to) {
            self.lines[row][column] |= DOWN;
            self.lines[row + 1][column] |= UP;
        }
    }

    fn strips(self) -> Vec<Strip> {
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
            let mut strip: Strip = Vec::new();
            for ((c, role), mask) in cells.into_iter().zip(lines) {
                let c = if c == ' ' && role == "dim" {
                    glyph(mask)
                } else {
                    c
                };
                match strip.last_mut() {
                    Some((text, r)) if *r == role => text.push(c),
                    _ => strip.push((c.to_string(), role)),
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

    fn picture(names: &[&str], edges: &[(usize, usize)]) -> String {
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
                    .map(|p| p.0.as_str())
                    .collect::<String>()
                    .trim_end()
                    .to_string()
                    + "\n"
            })
            .collect()
    }

    #[test]
    fn callers_stand_left_of_what_they_call() {
        insta::assert_snapshot!(picture(
            &["front", "orders", "user", "db"],
            &[(0, 1), (0, 2), (1, 2), (1, 3), (0, 3)]
        ));
    }

    #[test]
    fn circles_are_not_drawn_but_told() {
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
    fn two_hundred_services_are_drawn_at_once() {
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
