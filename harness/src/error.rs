//! Errors that the user can mend: exit code 2.

/// Something in the user's input: names the file, key, row or column, what was found, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InputError(pub String);

/// Builds an `anyhow::Error` that ends the program with exit code 2.
#[macro_export]
macro_rules! input_error {
    ($($argument:tt)*) => {
        ::anyhow::Error::new($crate::error::InputError(format!($($argument)*)))
    };
}

/// Whether the user's input is what went wrong.
pub fn is_input(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<InputError>())
}

/// `; did you mean 'x'?` when one of `allowed` is close to `found`, else nothing.
pub fn did_you_mean<'a>(found: &str, allowed: impl IntoIterator<Item = &'a str>) -> String {
    let found = found.to_lowercase();
    allowed
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&found, &name.to_lowercase()), name))
        .filter(|(closeness, _)| *closeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| format!("; did you mean '{name}'?"))
        .unwrap_or_default()
}

/// What follows a name that is not known: the closest first, then all, which may be many:
/// `; did you mean 'x'? allowed are x, y`. `lead` is `allowed are` or the like.
pub fn choices(found: &str, lead: &str, names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    let hint = did_you_mean(found, names.iter().copied());
    let between = if hint.is_empty() { ";" } else { "" };
    format!("{hint}{between} {lead} {}", names.join(", "))
}

/// Refuses a count outside its range; `key` is where it stands.
pub fn within(key: &str, found: usize, least: usize, most: usize) -> anyhow::Result<()> {
    match (least..=most).contains(&found) {
        true => Ok(()),
        false => Err(input_error!("{key}: found {found}; allowed are {least} to {most}")),
    }
}

/// Refuses a count that is too small.
pub fn at_least(key: &str, found: usize, least: usize) -> anyhow::Result<()> {
    match found >= least {
        true => Ok(()),
        false => Err(input_error!("{key}: found {found}; must be {least} or more")),
    }
}

/// Refuses a number that is negative or not finite.
pub fn not_negative(key: &str, found: f64) -> anyhow::Result<()> {
    match found >= 0.0 && found.is_finite() {
        true => Ok(()),
        false => Err(input_error!("{key}: found {found}; must be 0 or more")),
    }
}

/// Refuses what is no share, or the share of nothing.
pub fn share(key: &str, found: f64) -> anyhow::Result<()> {
    match found > 0.0 && found <= 1.0 {
        true => Ok(()),
        false => Err(input_error!("{key}: found {found}; must be above 0 and at most 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_name_is_offered_and_strangers_are_not() {
        assert_eq!(did_you_mean("epoch", ["batch", "epochs"]), "; did you mean 'epochs'?");
        assert_eq!(did_you_mean("zzz", ["batch", "epochs"]), "");
    }

    #[test]
    fn the_closest_name_comes_before_the_list_of_all() {
        let names = ["batch", "epochs"];
        assert_eq!(
            choices("epoch", "allowed are", &names),
            "; did you mean 'epochs'? allowed are batch, epochs"
        );
        assert_eq!(choices("zzz", "there are", &names), "; there are batch, epochs");
    }

    #[test]
    fn context_does_not_hide_an_input_error() {
        assert!(is_input(&input_error!("row 3").context("reading data.csv")));
        assert!(!is_input(&anyhow::anyhow!("disk")));
    }
}
