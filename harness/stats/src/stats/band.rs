//! Bands around a curve from its resamples: for each point, and for the whole curve at once.

use super::distributions::NORMAL_95;

/// Standard deviations of a curve over resamples, and how many of them hold how much.
#[derive(Clone, Debug, PartialEq)]
pub struct CurveBand {
    /// Standard deviation at each point.
    pub sd: Vec<f64>,
    /// Standard deviations on either side that hold a single point.
    pub pointwise: f64,
    /// Standard deviations on either side that hold all points at once.
    pub simultaneous: f64,
}

/// Coverage.
const LEVEL: f64 = 0.95;

/// 95 % bands of a curve from `draws`, one curve per resample; nothing for fewer than two.
///
/// ```text
/// pointwise     mean(g) -+ 1.96 sd(g)
/// simultaneous  mean(g) -+ c sd(g),   c the 95 % quantile over resamples b of max over g of |curve_b(g) - mean(g)| / sd(g)
/// ```
///
/// The maximum is over points whose sd is above zero; c is at least 1.96. Source: sup-t bands, Montiel Olea and
/// Plagborg-Moller 2019.
pub fn curve_band(draws: &[Vec<f64>]) -> Option<CurveBand> {
    let points = draws.first().filter(|_| draws.len() > 1)?.len();
    let count = draws.len() as f64;
    let mean: Vec<f64> =
        (0..points).map(|point| draws.iter().map(|draw| draw[point]).sum::<f64>() / count).collect();
    let sd: Vec<f64> = (0..points)
        .map(|point| draws.iter().map(|draw| (draw[point] - mean[point]).powi(2)).sum::<f64>())
        .map(|squares| (squares / (count - 1.0)).sqrt())
        .collect();
    let farthest = |draw: &Vec<f64>| {
        let scaled = draw.iter().zip(&mean).zip(&sd).filter(|(_, sd)| **sd > 0.0);
        scaled.map(|((value, mean), sd)| (value - mean).abs() / sd).fold(0.0, f64::max)
    };
    let mut farthest: Vec<f64> = draws.iter().map(farthest).collect();
    farthest.sort_unstable_by(f64::total_cmp);
    let at = ((LEVEL * count).ceil() as usize).clamp(1, farthest.len()) - 1;
    Some(CurveBand { sd, pointwise: NORMAL_95, simultaneous: farthest[at].max(NORMAL_95) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;
    use rand_distr::StandardNormal;
    use valor_base::seed::Seeds;

    #[test]
    fn independent_points_need_the_quantile_of_their_maximum_and_equal_points_the_normal_one() {
        let mut stream = Seeds::new(4).stream();
        let mut normal = || stream.sample::<f64, _>(StandardNormal);
        let apart: Vec<Vec<f64>> = (0..20_000).map(|_| (0..10).map(|_| normal()).collect()).collect();
        let band = curve_band(&apart).unwrap();
        // P(max of ten |N| < c) = .95: c = 2.80
        assert!((band.simultaneous - 2.80).abs() < 0.05, "{}", band.simultaneous);
        assert!(band.sd.iter().all(|sd| (sd - 1.0).abs() < 0.03), "{:?}", band.sd);
        let equal: Vec<Vec<f64>> =
            (0..20_000).map(|_| vec![0.0, normal()]).map(|p| vec![0.0, p[1], p[1]]).collect();
        let band = curve_band(&equal).unwrap();
        assert!((band.simultaneous - 1.96).abs() < 0.04, "{}", band.simultaneous);
        assert_eq!((band.sd[0], band.sd[1]), (0.0, band.sd[2]));
        assert_eq!(curve_band(&equal[..1]), None);
    }
}
