//! Scores template mining on labelled logs. Chooses each threshold with one system left out, and
//! prints the figures of the systems that were left out.

mod support;

use faultline::mine::Thresholds;
use support::data;
use support::labelled::{Score, Unit, loghub, with_call_sites};

/// A system with its logs.
struct System {
    name: String,
    units: Vec<Unit>,
    has_call_sites: bool,
}

impl System {
    fn score(&self, thresholds: &Thresholds) -> Score {
        let mut total = Score::default();
        self.units
            .iter()
            .for_each(|u| total.add(u.score(thresholds)));
        total
    }

    /// What the thresholds are chosen by.
    fn figure(&self, score: Score) -> f64 {
        if self.has_call_sites {
            (score.ga() + score.fga()) / 2.0
        } else {
            score.ga()
        }
    }
}

fn systems(data: &std::path::Path) -> Vec<System> {
    let mut found = Vec::new();
    for (folder, has_call_sites) in [("callsite", true), ("loghub2k", false)] {
        let mut names: Vec<_> = std::fs::read_dir(data.join(folder))
            .map(|entries| entries.flatten().map(|e| e.path()).collect())
            .unwrap_or_default();
        names.sort();
        for path in names.iter().filter(|p| p.is_dir()) {
            let units = if has_call_sites {
                with_call_sites(path)
            } else {
                loghub(path).into_iter().collect()
            };
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
            found.push(System {
                name: name.unwrap_or_default(),
                units,
                has_call_sites,
            });
        }
    }
    found.retain(|s| !s.units.is_empty());
    found
}

/// The thresholds in use, then each of them with another value.
fn settings() -> Vec<(String, Thresholds)> {
    let mut all = vec![("as is".to_string(), Thresholds::default())];
    let mut add = |name: &str, change: fn(&mut Thresholds)| {
        let mut other = Thresholds::default();
        change(&mut other);
        all.push((name.to_string(), other));
    };
    add("words 3", |t| t.words = 3);
    add("words 6", |t| t.words = 6);
    add("first_words 4", |t| t.first_words = 4);
    add("after_preposition 2", |t| t.after_preposition = 2);
    add("after_colon 4", |t| t.after_colon = 4);
    add("marked_words 2", |t| t.marked_words = 2);
    add("names 3", |t| t.names = 3);
    add("upper_case 2", |t| t.upper_case = 2);
    add("upper_case 8", |t| t.upper_case = 8);
    add("states 4", |t| t.states = 4);
    add("middles 4", |t| t.middles = 4);
    add("long_middles 3", |t| t.long_middles = 3);
    add("around_middle 3", |t| t.around_middle = 3);
    add("tails 4", |t| t.tails = 4);
    add("tails 8", |t| t.tails = 8);
    add("tails_with_variable 5", |t| t.tails_with_variable = 5);
    add("outside_span 3", |t| t.outside_span = 3);
    all
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[test]
fn templates_are_right_on_systems_that_were_left_out() {
    let Some(data) = data() else { return };
    let systems = systems(&data);
    let settings = settings();
    let of_setting = |thresholds: &Thresholds| -> Vec<Score> {
        systems.iter().map(|s| s.score(thresholds)).collect()
    };
    let scores: Vec<Vec<Score>> = std::thread::scope(|scope| {
        let (even, odd): (Vec<_>, Vec<_>) = (0..settings.len()).partition(|n| n % 2 == 0);
        let run = |part: Vec<usize>| {
            let (of_setting, settings) = (&of_setting, &settings);
            scope.spawn(move || -> Vec<(usize, Vec<Score>)> {
                part.into_iter()
                    .map(|n| (n, of_setting(&settings[n].1)))
                    .collect()
            })
        };
        let threads = [run(even), run(odd)];
        let mut done: Vec<_> = threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect();
        done.sort_by_key(|(n, _)| *n);
        done.into_iter().map(|(_, scores)| scores).collect()
    });
    println!("left out         chosen on the others      GA    FGA   as is GA    FGA     PA");
    let mut left_out = Vec::new();
    for (n, system) in systems.iter().enumerate() {
        let on_others = |setting: usize| {
            let others = systems.iter().enumerate().filter(|(i, _)| *i != n);
            mean(others.map(|(i, s)| s.figure(scores[setting][i])))
        };
        // The first of equal settings: the one in use.
        let best = (1..settings.len()).fold(0, |best, setting| {
            if on_others(setting) > on_others(best) {
                setting
            } else {
                best
            }
        });
        let (chosen, now) = (scores[best][n], scores[0][n]);
        println!(
            "{:16} {:22} {:6.3} {:6.3}     {:6.3} {:6.3} {}",
            system.name,
            settings[best].0,
            chosen.ga(),
            chosen.fga(),
            now.ga(),
            now.fga(),
            if system.has_call_sites {
                "     -".to_string()
            } else {
                format!("{:6.3}", now.pa())
            }
        );
        left_out.push((system.has_call_sites, chosen, now));
    }
    let of = |sites: bool, get: fn(&(bool, Score, Score)) -> f64| {
        mean(left_out.iter().filter(|r| r.0 == sites).map(get))
    };
    println!(
        "means: call sites GA {:.3} FGA {:.3}; Loghub GA {:.3} PA {:.3}; left out: {:.3} {:.3}; {:.3} {:.3}",
        of(true, |r| r.2.ga()),
        of(true, |r| r.2.fga()),
        of(false, |r| r.2.ga()),
        of(false, |r| r.2.pa()),
        of(true, |r| r.1.ga()),
        of(true, |r| r.1.fga()),
        of(false, |r| r.1.ga()),
        of(false, |r| r.1.pa()),
    );
    assert!(of(true, |r| r.1.ga()) >= 0.75 && of(true, |r| r.1.fga()) >= 0.73);
    assert!(of(false, |r| r.1.ga()) >= 0.965 && of(false, |r| r.1.pa()) >= 0.86);
}
