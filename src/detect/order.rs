//! A model of normal order: which template follows the ten before it in a stream (a source, or what shares an identifier).
//! As in DeepLog and MAIA the next event is predicted from the last ten; here by counting, with shorter contexts where the
//! longer one was seen too rarely to tell. Knows numbers alone.

use rustc_hash::FxHashMap;

/// Events that a prediction looks back on, and how far it falls back.
pub const LOOK_BACK: usize = 10;
const ORDERS: [usize; 4] = [LOOK_BACK, 5, 2, 1];
/// A context seen less often predicts nothing.
const LEAST_CASES: u32 = 50;
/// What follows in at most one of so many cases is not what is normal there. A fault that lasts is among the cases.
const RARE: u32 = 10;
/// Contexts kept: memory stays bounded however wild the order is. The shortest are always kept.
const MOST_CONTEXTS: usize = 400_000;
/// Stands for what was before a stream began.
const NOTHING: u32 = u32::MAX;

/// The events that came last in each stream.
#[derive(Default)]
pub struct Streams {
    last: FxHashMap<u64, [u32; LOOK_BACK]>,
}

impl Streams {
    /// The ten templates before this one in its stream, the latest last; then this one stands last.
    pub fn step(&mut self, stream: u64, template: u32) -> [u32; LOOK_BACK] {
        let last = self.last.entry(stream).or_insert([NOTHING; LOOK_BACK]);
        let before = *last;
        last.rotate_left(1);
        last[LOOK_BACK - 1] = template;
        before
    }
}

#[derive(Default)]
struct Context {
    cases: u32,
    /// What followed, and how often.
    next: Vec<(u32, u32)>,
}

/// How often what followed what.
#[derive(Default)]
pub struct Order {
    contexts: FxHashMap<u64, Context>,
}

fn key(before: &[u32]) -> u64 {
    before.iter().fold(before.len() as u64, |h, t| {
        (h.rotate_left(5) ^ u64::from(*t)).wrapping_mul(0x517C_C1B7_2722_0A95)
    })
}

impl Order {
    pub fn learn(&mut self, before: &[u32; LOOK_BACK], template: u32) {
        for n in ORDERS {
            let key = key(&before[LOOK_BACK - n..]);
            if n > 1 && self.contexts.len() >= MOST_CONTEXTS && !self.contexts.contains_key(&key) {
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

    /// Where `template` is not what follows normally: what is predicted in its place.
    pub fn instead(&self, before: &[u32; LOOK_BACK], template: u32) -> Option<u32> {
        let context = ORDERS
            .iter()
            .filter_map(|n| self.contexts.get(&key(&before[LOOK_BACK - n..])))
            .find(|c| c.cases >= LEAST_CASES)?;
        let came = context
            .next
            .iter()
            .find(|c| c.0 == template)
            .map_or(0, |c| c.1);
        if came * RARE > context.cases {
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

    /// Learns all of it and tells where the order is odd: (place, predicted).
    fn odd(events: &[(u64, u32)]) -> Vec<(usize, u32)> {
        let (mut order, mut streams) = (Order::default(), Streams::default());
        events
            .iter()
            .for_each(|(s, t)| order.learn(&streams.step(*s, *t), *t));
        let mut streams = Streams::default();
        let judge = |(i, (s, t)): (usize, &(u64, u32))| {
            order.instead(&streams.step(*s, *t), *t).map(|p| (i, p))
        };
        events.iter().enumerate().filter_map(judge).collect()
    }

    #[test]
    fn a_swapped_step_is_odd_in_its_own_stream_however_streams_are_mixed() {
        let mut events = Vec::new();
        for request in 0..400u64 {
            let steps: [u32; 4] = if request == 300 {
                [1, 3, 2, 4]
            } else {
                [1, 2, 3, 4]
            };
            // Two requests at a time, step by step.
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
        let found = odd(&by_request);
        assert_eq!(found.first().map(|f| f.1), Some(2), "{found:?}");
        assert!(
            (2..=4).contains(&found.len()) && found.iter().all(|(i, _)| by_request[*i].0 == 300),
            "{found:?}"
        );
    }

    #[test]
    fn what_only_a_long_look_back_tells_is_found() {
        // After nine equal steps comes a tenth that is another one: any two steps are common, the count is not.
        let mut events = Vec::new();
        for round in 0..200 {
            let equal = if round == 150 { 6 } else { 9 };
            events.extend(std::iter::repeat_n((0, 7), equal));
            events.push((0, 8));
        }
        let found = odd(&events);
        assert!(!found.is_empty() && found.len() <= 4, "{found:?}");
        assert!(odd(&events[..150 * 10]).is_empty());
    }
}
