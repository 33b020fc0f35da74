//! The faults of the random worlds: each changes the streams of lines of one world.

use super::world_words::{INCIDENTS, OBJECTS, REFUSALS, STATES, VERBS};
use super::worlds::{Fault, Line, Maker, Slot, Stream};

impl Maker<'_> {
    /// Adds the fault. Returns what names it, and its end.
    pub fn break_it(&mut self, fault: Fault, from: f64, to: f64) -> (Vec<String>, f64) {
        let service = self.rng.below(self.services.len() as u64) as usize;
        let own = self.services[service].clone();
        let key = |text: &str| -> Vec<String> {
            let longest = text
                .split("{}")
                .max_by_key(|p| p.trim().len())
                .unwrap_or(text);
            vec![longest.trim().to_string()]
        };
        let regular = |s: &Stream| s.service == service && s.regular.is_some() && s.then.is_none();
        match fault {
            Fault::Incident => {
                let text = self.rng.pick(&INCIDENTS).to_string();
                let level = *self.rng.pick(&["ERROR", "FATAL", "WARN"]);
                self.lines.push(Line {
                    at: from,
                    service,
                    level,
                    text: text.clone(),
                });
                let words = until_digit(&text);
                let first: Vec<&str> = words.split_whitespace().take(4).collect();
                (vec![first.join(" ")], from + 60.0)
            }
            Fault::FewErrors => {
                let (verb, object) = (*self.rng.pick(&VERBS), *self.rng.pick(&OBJECTS));
                let refusal = *self.rng.pick(&REFUSALS);
                for _ in 0..5 + self.rng.below(10) {
                    let at = from + self.rng.below((to - from) as u64) as f64;
                    let text = format!("{verb} {object} {}: {refusal}", self.rng.below(9000));
                    self.lines.push(Line {
                        at,
                        service,
                        level: "ERROR",
                        text,
                    });
                }
                (vec![until_digit(refusal)], to)
            }
            Fault::ToldAtInfo => {
                let object = *self.rng.pick(&OBJECTS);
                let refusal = *self.rng.pick(&REFUSALS);
                for _ in 0..8 + self.rng.below(20) {
                    let at = from + self.rng.below((to - from) as u64) as f64;
                    let text = format!("{object} {} rolled back: {refusal}", self.rng.below(9000));
                    self.lines.push(Line {
                        at,
                        service,
                        level: "INFO",
                        text,
                    });
                }
                (vec![until_digit(refusal), "rolled back".into()], to)
            }
            Fault::Stops => {
                let i = self.streams.iter().position(regular).unwrap_or(0);
                let s = &mut self.streams[i];
                // Ten events before, and five that are missing, where the log is long enough.
                s.every = s.every.min((to - from) / 6.0);
                let (text, mut later) = (s.text.clone(), s.clone());
                s.to = from;
                later.from = to;
                self.streams.push(later);
                (key(&text), to)
            }
            Fault::Unfinished => {
                let step = self
                    .streams
                    .iter_mut()
                    .find(|s| s.service == service && s.then.is_some());
                let Some(s) = step else {
                    return (vec![own], to);
                };
                s.every = s.every.min((to - from) / 8.0).max(8.0);
                let mut broken = s.clone();
                let text = s.text.replace("{}", "").replace("  ", " ");
                let object = text.split(' ').next().unwrap_or("").to_string();
                let mut later = s.clone();
                (s.to, later.from) = (from, to);
                (broken.from, broken.to, broken.then) = (from, to, None);
                self.streams.extend([broken, later]);
                (vec![format!("{object} run")], to)
            }
            Fault::Zero | Fault::Constant | Fault::Slower | Fault::Leak | Fault::NewState => {
                self.break_value(fault, service, from, to)
            }
            Fault::Surge => {
                let mut s = self.stream(service, (to - from).min(600.0) / 40.0);
                s.follows_load = false;
                let mut more = s.clone();
                more.every = s.every / 7.0;
                (more.from, more.to) = (from, to.min(from + 900.0));
                let (text, to) = (s.text.clone(), more.to);
                self.streams.extend([s, more]);
                (key(&text).into_iter().chain([own]).collect(), to)
            }
            Fault::Drought => {
                let mut to = to.max((from + 900.0).min(self.length));
                if self.services.len() == 1 {
                    // A log that ends is no drought.
                    to = to.min(self.length * 0.9);
                }
                for s in self.streams.iter_mut().filter(|s| s.service == service) {
                    s.every = s.every.min((to - from) / 30.0);
                }
                let all: Vec<Stream> = self
                    .streams
                    .iter()
                    .filter(|s| s.service == service)
                    .cloned()
                    .collect();
                for s in self.streams.iter_mut().filter(|s| s.service == service) {
                    s.to = from;
                }
                for mut s in all {
                    s.from = to;
                    self.streams.push(s);
                }
                (vec![own, "no lines at all".into()], to)
            }
            Fault::Gap => {
                let to = (from + 400.0 + self.rng.below(600) as f64).min(self.length - 60.0);
                for service in 0..self.services.len() {
                    self.restarts.push((service, from, to));
                }
                (vec!["no lines at all".into()], to)
            }
        }
    }

    /// Faults of the values in one statement that is reported regularly.
    fn break_value(
        &mut self,
        fault: Fault,
        service: usize,
        from: f64,
        to: f64,
    ) -> (Vec<String>, f64) {
        let (verb, object) = (*self.rng.pick(&VERBS), *self.rng.pick(&OBJECTS));
        let every = ((to - from) / 20.0).clamp(5.0, 120.0);
        let mut s = self.stream(service, every);
        let name = ["rows", "items", "took_ms", "heap_mb", "depth"][self.rng.below(5) as usize];
        s.text = format!("{verb} {object} {name}={{}}");
        let mean = 60.0 + self.rng.below(4000) as f64;
        s.slots = vec![Slot::Number(mean, 15)];
        (s.regular, s.follows_load, s.level) = (Some(10), false, "INFO");
        let mut broken = s.clone();
        let mut later = s.clone();
        (s.to, broken.from, broken.to, later.from) = (from, from, to, to);
        match fault {
            Fault::Zero => broken.slots = vec![Slot::Number(0.0, 0)],
            Fault::Constant => broken.slots = vec![Slot::Number(mean.round(), 0)],
            Fault::Slower => {
                broken.slots = vec![Slot::Number(mean * (2.0 + self.rng.below(4) as f64), 15)]
            }
            Fault::NewState => {
                let mut states: Vec<&str> = STATES.to_vec();
                let at = self.rng.below(states.len() as u64) as usize;
                let new = states.remove(at).to_string();
                s.text = format!("{object} state={{}}");
                (broken.text, later.text) = (s.text.clone(), s.text.clone());
                let known: Vec<String> = states[..2].iter().map(|t| t.to_string()).collect();
                s.slots = vec![Slot::Word(known.clone())];
                later.slots.clone_from(&s.slots);
                broken.slots = vec![Slot::Word(vec![new])];
                for x in [&mut s, &mut broken, &mut later] {
                    x.every = ((to - from) / 30.0).clamp(3.0, 60.0);
                }
            }
            _ => {
                // Grows in steps until it is three times as large; the end of the leak is a restart.
                broken.to = from;
                let steps = 40;
                for i in 0..steps {
                    let mut part = s.clone();
                    let share = f64::from(i) / f64::from(steps);
                    part.slots = vec![Slot::Number(mean * (1.2 + 2.0 * share), 4)];
                    (part.from, part.to) = (
                        from + (to - from) * share,
                        from + (to - from) * (share + 1.0 / f64::from(steps)),
                    );
                    part.every = every.min((to - from) / f64::from(steps));
                    self.streams.push(part);
                }
            }
        }
        self.streams.extend([s, broken, later]);
        (vec![object.to_string()], to)
    }
}

/// What a template of the text certainly contains: numbers become variables.
fn until_digit(text: &str) -> String {
    let words = text.split(|c: char| c.is_ascii_digit()).next();
    words.unwrap_or("").trim().to_string()
}
