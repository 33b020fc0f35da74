//! Statistics for the tests: deviance residuals, overdispersion, conversion of Student's t to
//! evidence in nats, ranks and medians. Handles numbers only; does not know what they measure.

/// Signed deviance residual of a Poisson count `y` with mean `mu`.
pub fn deviance(y: f64, mu: f64) -> f64 {
    let term = if y > 0.0 { y * (y / mu).ln() } else { 0.0 };
    let d = (2.0 * (term - (y - mu))).max(0.0).sqrt();
    if y < mu { -d } else { d }
}

/// Evidence against chance in nats: -ln p of a t value with `nu` degrees of freedom. Uses Wallace's
/// transformation to a normal deviate and a bound on the normal tail. Returns 0 if |t| < 1.
pub fn evidence(t: f64, nu: f64) -> f64 {
    let t = t.abs();
    if t < 1.0 {
        return 0.0;
    }
    let z = (nu * (t * t / nu).ln_1p()).sqrt() * (8.0 * nu + 1.0) / (8.0 * nu + 3.0);
    (z * z / 2.0 + (z * (std::f64::consts::PI / 2.0).sqrt()).max(1e-9).ln()).max(0.0)
}

/// Overdispersion estimate `phi` with `nu` degrees of freedom.
#[derive(Clone, Copy, Debug)]
pub struct Dispersion {
    pub phi: f64,
    pub nu: f64,
}

/// Degrees of freedom of the prior dispersion.
pub const D0: f64 = 30.0;

/// Shrinks the estimate `s2` with `m` degrees of freedom towards `prior`, which has `D0` degrees of
/// freedom.
pub fn dispersion(prior: f64, s2: f64, m: f64) -> Dispersion {
    Dispersion {
        phi: (D0 * prior + m * s2) / (D0 + m),
        nu: D0 + m,
    }
}

/// Relative rank of a value among sorted values, centered: -0.5 to 0.5.
pub fn centered_rank(sorted: &[f32], v: f32) -> f64 {
    if sorted.is_empty() {
        return 0.0;
    }
    let below = sorted.partition_point(|x| *x < v);
    let up_to = sorted.partition_point(|x| *x <= v);
    (below + up_to) as f64 / (2.0 * sorted.len() as f64) - 0.5
}

/// Spearman's rank correlation of values with their time (bin): 1 if they only rise, 0 if they are
/// constant.
pub fn rank_trend(points: &[(u32, f32)]) -> f64 {
    let mut times: Vec<f32> = points.iter().map(|p| p.0 as f32).collect();
    let mut values: Vec<f32> = points.iter().map(|p| p.1).collect();
    times.sort_unstable_by(f32::total_cmp);
    values.sort_unstable_by(f32::total_cmp);
    let ranks = points
        .iter()
        .map(|(t, v)| (centered_rank(&times, *t as f32), centered_rank(&values, *v)));
    let (both, t, v) = ranks.fold((0.0, 0.0, 0.0), |(both, tt, vv), (t, v)| {
        (both + t * v, tt + t * t, vv + v * v)
    });
    if t * v > 0.0 {
        both / f64::sqrt(t * v)
    } else {
        0.0
    }
}

/// Median (the upper one for an even number of values); 0 if there are none. Reorders `values`.
pub fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let mid = values.len() / 2;
    *values.select_nth_unstable_by(mid, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_and_new_events_have_large_residuals() {
        assert!((deviance(0.0, 8.0) + 4.0).abs() < 1e-9);
        assert!(deviance(20.0, 0.01) > 15.0);
        assert!(deviance(10.0, 10.0).abs() < 1e-9);
    }

    #[test]
    fn evidence_grows_with_the_deviation_and_the_degrees_of_freedom() {
        assert!(evidence(8.0, 100.0) > evidence(6.0, 100.0));
        assert!(evidence(8.0, 1000.0) > evidence(8.0, 30.0));
        assert_eq!(evidence(0.5, 30.0), 0.0);
        // Two-sided p of a normal deviate of 6 is about 2e-9: 20 nats.
        assert!((evidence(6.0, 1e9) - 20.0).abs() < 1.0);
    }

    #[test]
    fn a_trend_is_distinguished_from_a_wave() {
        let rising: Vec<(u32, f32)> = (0..100)
            .map(|i| (i, i as f32 + (i * 37 % 20) as f32))
            .collect();
        let wave: Vec<(u32, f32)> = (0..100)
            .map(|i| {
                (
                    i,
                    (f64::from(i) / 100.0 * std::f64::consts::TAU).cos() as f32,
                )
            })
            .collect();
        assert!(rank_trend(&rising) > 0.9 && rank_trend(&wave).abs() < 0.1);
        assert_eq!(rank_trend(&[(0, 5.0), (1, 5.0)]), 0.0);
    }

    #[test]
    fn ranks_are_centered() {
        assert_eq!(centered_rank(&[1.0, 2.0, 3.0], 2.0), 0.0);
        assert_eq!(centered_rank(&[1.0, 2.0], 9.0), 0.5);
    }
}
