//! A model of the normal order of events in a stream (a source, or events that share an
//! identifier). As in DeepLog and MAIA, the next template is predicted from the last ten. Here the
//! prediction is by counting, with a shorter context if the longer one was seen too rarely. Handles
//! template numbers only; does not access the text.

use crate::model::TemplateIx;
use rustc_hash::FxHashMap;

/// Number of previous events that a prediction uses.
pub const LOOK_BACK: usize = 10;
/// Context lengths, tried in this order.
const ORDERS: [usize; 4] = [LOOK_BACK, 5, 2, 1];
/// A context that was seen less often than this makes no prediction.
const MIN_CASES: u32 = 50;
/// A template that follows in at most one of this many cases is not normal. The factor is low
/// because a long fault is itself among the cases.
const RARE_FACTOR: u32 = 10;
/// Maximum number of contexts, to limit memory. Contexts of length 1 are always stored.
const MAX_CONTEXTS: usize = 400_000;

/// The templates before an event, the latest last; `None` before the start of the stream.
pub type Before = [Option<TemplateIx>; LOOK_BACK];

/// The last templates of each stream.
#[derive(Default)]
pub struct Streams {
    last: FxHashMap<u64, Before>,
}

impl Streams {
    /// Returns the ten templates before this one in its stream, the latest last, and appends this
    /// one.
    pub fn step(&mut self, stream: u64, template: TemplateIx) -> Before {
        let last = self.last.entry(stream).or_insert([None; LOOK_BACK]);
        let before = *last;
        last.rotate_left(1);
        last[LOOK_BACK - 1] = Some(template);
        before
    }
}

/// What followed one sequence of templates.
#[derive(Default)]
struct Context {
    cases: u32,
    /// Templates that followed, with their counts.
    next: Vec<(TemplateIx, u32)>,
}

/// Counts of which template followed which context.
#[derive(Default)]
pub struct Order {
    contexts: FxHashMap<u64, Context>,
}

/// Hash of a context.
fn key(before: &[Option<TemplateIx>]) -> u64 {
    before.iter().fold(before.len() as u64, |h, t| {
        (h.rotate_left(5) ^ u64::from(t.map_or(u32::MAX, |t| t.0)))
            .wrapping_mul(0x517C_C1B7_2722_0A95)
    })
}

impl Order {
    /// Adds one observation: `template` followed `before`.
    pub fn learn(&mut self, before: &Before, template: TemplateIx) {
        for n in ORDERS {
            let key = key(&before[LOOK_BACK - n..]);
            if n > 1 && self.contexts.len() >= MAX_CONTEXTS && !self.contexts.contains_key(&key) {
                continue;
            }
            let context = self.contexts.entry(key).or_default();
            context.cases += 1;
            match context.next.iter_mut().find(|c| c.0 == template) {
                Some(c) => c.1 += 1,
                None => context.next.push((template, 1)),
            }
        }
    }

    /// Returns the predicted template if `template` does not normally follow `before`. Returns
    /// `None` if `template` is normal or the context is too rare for a prediction.
    pub fn predicted_instead(&self, before: &Before, template: TemplateIx) -> Option<TemplateIx> {
        let context = ORDERS
            .iter()
            .filter_map(|n| self.contexts.get(&key(&before[LOOK_BACK - n..])))
            .find(|c| c.cases >= MIN_CASES)?;
        let count = context
            .next
            .iter()
            .find(|c| c.0 == template)
            .map_or(0, |c| c.1);
        if count * RARE_FACTOR > context.cases {
            return None;
        }
        context
            .next
            .iter()
            .max_by_key(|c| (c.1, std::cmp::Reverse(c.0)))
            .map(|c| c.0)
            .filter(|p| *p != template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Learns all events and returns those that are out of order: (index, predicted template).
    fn out_of_order(events: &[(u64, u32)]) -> Vec<(usize, u32)> {
        let (mut order, mut streams) = (Order::default(), Streams::default());
        events
            .iter()
            .for_each(|(s, t)| order.learn(&streams.step(*s, TemplateIx(*t)), TemplateIx(*t)));
        let mut streams = Streams::default();
        let check = |(i, (s, t)): (usize, &(u64, u32))| {
            let t = TemplateIx(*t);
            order
                .predicted_instead(&streams.step(*s, t), t)
                .map(|p| (i, p.0))
        };
        events.iter().enumerate().filter_map(check).collect()
    }

    #[test]
    fn a_swapped_step_is_found_in_its_own_stream_when_streams_are_interleaved() {
        let mut events = Vec::new();
        for request in 0..400u64 {
            let steps: [u32; 4] = if request == 300 {
                [1, 3, 2, 4]
            } else {
                [1, 2, 3, 4]
            };
            // Two requests run at a time, with interleaved steps.
            let at = (request / 2 * 8 + request % 2) as usize;
            events.extend(
                steps
                    .iter()
                    .enumerate()
                    .map(|(i, t)| (at + 2 * i, request, *t)),
            );
        }
        events.sort_unstable();
        let by_request: Vec<(u64, u32)> = events.iter().map(|e| (e.1, e.2)).collect();
        let found = out_of_order(&by_request);
        assert_eq!(found.first().map(|f| f.1), Some(2), "{found:?}");
        assert!(
            (2..=4).contains(&found.len()) && found.iter().all(|(i, _)| by_request[*i].0 == 300),
            "{found:?}"
        );
    }

    #[test]
    fn an_anomaly_that_needs_a_long_context_is_found() {
        // Nine equal steps are followed by a different one. Any pair of steps is common; only the
        // number of equal steps is unusual.
        let mut events = Vec::new();
        for round in 0..200 {
            let equal = if round == 150 { 6 } else { 9 };
            events.extend(std::iter::repeat_n((0, 7), equal));
            events.push((0, 8));
        }
        let found = out_of_order(&events);
        assert!(!found.is_empty() && found.len() <= 4, "{found:?}");
        assert!(out_of_order(&events[..150 * 10]).is_empty());
    }
}
