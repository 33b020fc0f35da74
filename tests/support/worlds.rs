//! Random worlds: small logs of systems that exist nowhere, with one everyday fault or none. Kind of
//! system, wording, format, rates, rhythms, fault, size, length and end are drawn from a seed. Reads
//! nothing of the program under test.

use super::rng::Rng;
use super::world_words::{OBJECTS, VERBS};
use faultline::text::civil::rfc3339;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Seconds since the epoch.
pub type Second = f64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Host,
    Web,
    Batch,
    Json,
    Queue,
    Events,
    Services,
}

const KINDS: [Kind; 7] = [
    Kind::Host,
    Kind::Web,
    Kind::Batch,
    Kind::Json,
    Kind::Queue,
    Kind::Events,
    Kind::Services,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Incident,
    FewErrors,
    ToldAtInfo,
    Stops,
    Unfinished,
    Zero,
    Constant,
    Slower,
    Leak,
    Surge,
    Drought,
    Gap,
    NewState,
}

const FAULTS: [Fault; 13] = [
    Fault::Incident,
    Fault::FewErrors,
    Fault::ToldAtInfo,
    Fault::Stops,
    Fault::Unfinished,
    Fault::Zero,
    Fault::Constant,
    Fault::Slower,
    Fault::Leak,
    Fault::Surge,
    Fault::Drought,
    Fault::Gap,
    Fault::NewState,
];

/// What a slot of a statement is filled with.
#[derive(Clone, Debug)]
pub enum Slot {
    Id,
    /// Around a mean, with a spread in percent.
    Number(f64, u64),
    Word(Vec<String>),
    Address,
}

/// One statement of a program, and how often it runs.
#[derive(Clone, Debug)]
pub struct Stream {
    pub service: usize,
    pub level: &'static str,
    /// Words, with `{}` for each slot.
    pub text: String,
    pub slots: Vec<Slot>,
    /// Mean distance in seconds.
    pub every: f64,
    /// Jitter in percent of the distance; `None`: at random.
    pub regular: Option<u64>,
    /// Seconds after each event until the event of the next step, with its text.
    pub then: Option<(f64, String)>,
    pub from: f64,
    pub to: f64,
    pub follows_load: bool,
}

/// One world.
pub struct World {
    pub seed: u64,
    pub kind: Kind,
    pub fault: Option<Fault>,
    /// Text of each file.
    pub files: BTreeMap<String, String>,
    pub start: Second,
    pub end: Second,
    /// The time of the fault.
    pub from: Second,
    pub to: Second,
    /// One of these occurs in what names the fault: words of the message, or the service.
    pub names: Vec<String>,
}

pub struct Line {
    pub at: f64,
    pub service: usize,
    pub level: &'static str,
    pub text: String,
}

/// Draws one world.
pub struct Maker<'s> {
    pub rng: Rng,
    /// Statements of real programs, or none.
    pub real: &'s [String],
    pub kind: Kind,
    pub services: Vec<String>,
    pub streams: Vec<Stream>,
    pub lines: Vec<Line>,
    /// The statements so far.
    pub used: BTreeSet<String>,
    pub length: f64,
    /// Depth and phase of the daily rhythm.
    pub swing: (f64, f64),
    /// Times in which a service writes nothing, because it restarts.
    pub restarts: Vec<(usize, f64, f64)>,
}

/// The world of a seed, with a fault or without one. `real`: statements of real programs.
pub fn world(seed: u64, is_clean: bool, real: &[String]) -> World {
    let mut rng = Rng(seed
        .wrapping_mul(0x51_7C_C1)
        .wrapping_add(7 + u64::from(is_clean)));
    let kind = KINDS[(seed % 7) as usize];
    let fault = (!is_clean).then(|| FAULTS[((seed / 7 + seed * 5) % 13) as usize]);
    let length = 60.0 * (25 + rng.below(335)) as f64;
    let swing = (rng.below(60) as f64 / 100.0, rng.below(628) as f64 / 100.0);
    let mut maker = Maker {
        rng,
        real,
        kind,
        services: Vec::new(),
        streams: Vec::new(),
        lines: Vec::new(),
        used: BTreeSet::new(),
        length,
        swing,
        restarts: Vec::new(),
    };
    maker.system();
    maker.changes();
    let from = length * (45 + maker.rng.below(30)) as f64 / 100.0;
    let until_end = maker.rng.chance(40);
    let lasts = (length * 0.15).clamp(300.0, 2400.0);
    let to = if until_end {
        length
    } else {
        (from + lasts).min(length)
    };
    let (names, to) = match fault {
        Some(fault) => maker.break_it(fault, from, to),
        None => (Vec::new(), to),
    };
    maker.run();
    let start = 1_750_000_000.0 + maker.rng.below(20_000_000) as f64;
    World {
        seed,
        kind,
        fault,
        files: maker.files(start),
        start,
        end: start + length,
        from: start + from,
        to: start + to,
        names,
    }
}

impl Maker<'_> {
    fn name(&mut self) -> String {
        const ENDS: [&str; 8] = ["d", "-api", "-worker", "svc", "-agent", "", "-gw", "er"];
        let object = self.rng.pick(&OBJECTS).to_string();
        format!("{object}{}", self.rng.pick(&ENDS))
    }

    /// A statement that occurs nowhere else: words, and slots.
    fn statement(&mut self) -> (String, Vec<Slot>) {
        loop {
            let (text, slots) = self.any_statement();
            if self.used.insert(text.clone()) {
                return (text, slots);
            }
        }
    }

    fn any_statement(&mut self) -> (String, Vec<Slot>) {
        if !self.real.is_empty() && self.rng.chance(60) {
            let text = self.rng.pick(self.real).clone();
            let slots = (0..text.matches("{}").count()).map(|_| self.slot());
            return (text.clone(), slots.collect());
        }
        let (verb, object) = (*self.rng.pick(&VERBS), *self.rng.pick(&OBJECTS));
        let other = *self.rng.pick(&OBJECTS);
        let forms = [
            format!("{verb} {object} {{}}"),
            format!("{verb} {object} {other}={{}} size={{}}"),
            format!("{object} {{}} {verb} in {{}} ms"),
            format!("{object}: {verb} {{}} of {other} {{}}"),
            format!("{verb} {other} for {object}"),
            format!("{object}.{other} {verb} count={{}} from {{}}"),
        ];
        let text = self.rng.pick(&forms).clone();
        let slots = (0..text.matches("{}").count()).map(|_| self.slot());
        (text.clone(), slots.collect())
    }

    fn slot(&mut self) -> Slot {
        match self.rng.below(5) {
            0 => Slot::Id,
            1 | 2 => {
                let mean = [4.0, 30.0, 250.0, 4000.0][self.rng.below(4) as usize];
                Slot::Number(mean, 20 + self.rng.below(60))
            }
            3 => {
                let n = 2 + self.rng.below(6);
                Slot::Word(
                    (0..n)
                        .map(|_| self.rng.pick(&OBJECTS).to_string())
                        .collect(),
                )
            }
            _ => Slot::Address,
        }
    }

    pub fn stream(&mut self, service: usize, every: f64) -> Stream {
        let (text, slots) = self.statement();
        Stream {
            service,
            level: ["INFO", "INFO", "INFO", "DEBUG"][self.rng.below(4) as usize],
            text,
            slots,
            every,
            regular: None,
            then: None,
            from: 0.0,
            to: self.length,
            follows_load: true,
        }
    }

    /// Services and their statements: some frequent, some rare, some regular, some problems that
    /// come again and again, and steps that end.
    fn system(&mut self) {
        let n = match self.kind {
            Kind::Host => 4 + self.rng.below(5),
            Kind::Web => 2,
            Kind::Batch | Kind::Queue => 1 + self.rng.below(3),
            Kind::Json | Kind::Events => 2 + self.rng.below(4),
            Kind::Services => 3 + self.rng.below(58),
        };
        while (self.services.len() as u64) < n {
            let name = self.name();
            if !self.services.contains(&name) {
                self.services.push(name);
            }
        }
        // Between 600 and 20,000 lines.
        let total = 600.0 + self.rng.below(19_400) as f64;
        let rate = total / self.length / n as f64;
        for service in 0..n as usize {
            for share in [0.5, 0.2, 0.1, 0.05] {
                let s = self.stream(service, 1.0 / (rate * share));
                self.streams.push(s);
            }
            let every = [10.0, 30.0, 60.0, 300.0][self.rng.below(4) as usize];
            let mut beat = self.stream(service, every);
            (beat.regular, beat.follows_load) = (Some(self.rng.below(8)), false);
            self.streams.push(beat);
            let mut step = self.stream(service, (self.length / 60.0).max(8.0));
            let object = *self.rng.pick(&OBJECTS);
            step.text = format!("{object} run {{}} started");
            step.slots = vec![Slot::Id];
            let takes = 1.0 + self.rng.below(6) as f64;
            step.then = Some((takes, format!("{object} run {{}} finished")));
            (step.regular, step.follows_load, step.level) = (Some(30), false, "INFO");
            self.streams.push(step);
            if self.rng.chance(60) {
                let times = 6 + self.rng.below(60);
                let mut benign = self.stream(service, self.length / times as f64);
                benign.text = format!(
                    "{} {{}}: retrying, last attempt timed out",
                    benign.text.split(' ').next().unwrap_or("call")
                );
                benign.slots = vec![Slot::Id];
                benign.level = "WARN";
                self.streams.push(benign);
            }
        }
    }

    /// What happens in every system: deployments, restarts, changes of the log level.
    fn changes(&mut self) {
        if self.rng.chance(50) {
            let at = self.length * (20 + self.rng.below(60)) as f64 / 100.0;
            let service = self.rng.below(self.services.len() as u64) as usize;
            let down = 2.0 + self.rng.below(12) as f64;
            self.restarts.push((service, at, at + down));
            let version = format!("{}.{}", self.rng.below(9), self.rng.below(30));
            for text in [
                format!("starting version {version}"),
                "configuration loaded".into(),
                "ready".into(),
            ] {
                let after = at + down + self.rng.below(100) as f64 / 100.0;
                self.lines.push(Line {
                    at: after,
                    service,
                    level: "INFO",
                    text,
                });
            }
            if self.rng.chance(50) {
                // The new version has a new statement.
                let mut new = self.stream(service, (self.length / 200.0).max(2.0));
                new.from = at + down;
                self.streams.push(new);
            }
        }
        // Such a change is seen only where lines state their level.
        if self.kind != Kind::Host && self.rng.chance(30) {
            let at = self.length * (20 + self.rng.below(60)) as f64 / 100.0;
            let service = self.rng.below(self.services.len() as u64) as usize;
            let mut debug = self.stream(service, (self.length / 400.0).max(1.0));
            debug.level = "DEBUG";
            let is_on = self.rng.chance(50);
            self.streams.push(debug);
            let own = |s: &&mut Stream| s.service == service && s.level == "DEBUG";
            for debug in self.streams.iter_mut().filter(own) {
                match is_on {
                    true => debug.from = at,
                    false => debug.to = at,
                }
            }
        }
    }

    /// Writes the lines of all streams.
    fn run(&mut self) {
        let streams = std::mem::take(&mut self.streams);
        for s in &streams {
            // Regular events keep their phase, so that a later part continues the rhythm.
            let mut at = match s.regular {
                Some(_) => (s.from / s.every).ceil() * s.every,
                None => s.from,
            };
            while at < s.to {
                let load = match s.follows_load {
                    true => {
                        1.0 - self.swing.0
                            * (at / 43_200.0 * std::f64::consts::PI + self.swing.1)
                                .sin()
                                .abs()
                    }
                    false => 1.0,
                };
                let time = match s.regular {
                    Some(jitter) => at + s.every * self.rng.below(jitter * 10 + 1) as f64 / 1000.0,
                    None => {
                        let u = (self.rng.below(999_999) as f64 + 1.0) / 1e6;
                        at += -u.ln() * s.every / load;
                        at
                    }
                };
                if s.regular.is_some() {
                    at += s.every;
                }
                if time >= s.to {
                    break;
                }
                let id = self.rng.hex(8);
                let text = self.fill(&s.text, &s.slots, &id);
                self.lines.push(Line {
                    at: time,
                    service: s.service,
                    level: s.level,
                    text,
                });
                if let Some((after, next)) = &s.then {
                    let at = time + after * (80 + self.rng.below(40)) as f64 / 100.0;
                    let text = next.replacen("{}", &id, 1);
                    self.lines.push(Line {
                        at,
                        service: s.service,
                        level: s.level,
                        text,
                    });
                }
            }
        }
        let (restarts, length) = (&self.restarts, self.length);
        self.lines.retain(|l| {
            let is_down = |r: &(usize, f64, f64)| r.0 == l.service && (r.1..r.2).contains(&l.at);
            l.at < length && !restarts.iter().any(is_down)
        });
        self.lines.sort_by(|a, b| a.at.total_cmp(&b.at));
    }

    fn fill(&mut self, text: &str, slots: &[Slot], id: &str) -> String {
        let mut out = text.to_string();
        for slot in slots {
            let value = match slot {
                Slot::Id => id.to_string(),
                Slot::Number(mean, spread) => {
                    let half = *mean * *spread as f64 / 100.0;
                    let value = mean - half + self.rng.below((2.0 * half) as u64 + 1) as f64;
                    format!("{value:.0}")
                }
                Slot::Word(words) => self.rng.pick(words).clone(),
                Slot::Address => format!(
                    "10.{}.{}.{}",
                    self.rng.below(4),
                    self.rng.below(9),
                    self.rng.below(250)
                ),
            };
            out = out.replacen("{}", &value, 1);
        }
        out
    }

    /// The files of the world, in the format of its kind.
    fn files(&mut self, start: f64) -> BTreeMap<String, String> {
        let mut out: BTreeMap<String, String> = BTreeMap::new();
        let style = self.rng.below(3);
        let host = format!("{}{}", self.rng.pick(&OBJECTS), self.rng.below(90));
        let lines = std::mem::take(&mut self.lines);
        for l in &lines {
            let service = &self.services[l.service];
            let file = match self.kind {
                Kind::Services => format!("{service}.log"),
                Kind::Host => "syslog".into(),
                _ => "app.log".into(),
            };
            let at = start + l.at;
            let line = self.line(at, style, &host, service, l);
            writeln!(out.entry(file).or_default(), "{line}").unwrap();
        }
        out
    }

    fn line(&self, at: f64, style: u64, host: &str, service: &str, l: &Line) -> String {
        let (iso, text, level) = (
            rfc3339((at * 1000.0) as i64 * 1_000_000, 3),
            &l.text,
            l.level,
        );
        let quoted = text.replace('"', "'");
        match (self.kind, style) {
            (Kind::Host, 0) => format!("<14>1 {iso} {host} {service} 812 - - {text}"),
            (Kind::Host, _) => format!("{iso} {host} {service}[812]: {text}"),
            (Kind::Json, 0) => format!(
                r#"{{"time":"{iso}","level":"{level}","service":"{service}","msg":"{quoted}"}}"#
            ),
            (Kind::Json, _) => format!(
                r#"{{"ts":{at:.3},"severity":"{level}","logger":"{service}","message":"{quoted}"}}"#
            ),
            (Kind::Queue, 0) => format!(
                "time={iso} level={} component={service} msg=\"{quoted}\"",
                level.to_lowercase()
            ),
            (Kind::Events, 0) => format!("{iso} {level} {service}: {text}"),
            (Kind::Batch, _) => format!(
                "{} - {service} - {level} - {text}",
                iso.replace('T', " ").replace('Z', "")
            ),
            (_, 1) => format!("{iso} [{level}] {service}: {text}"),
            _ => format!(
                "{} {level:<5} [{service}] {text}",
                iso.replace('T', " ").replace('Z', "")
            ),
        }
    }
}
