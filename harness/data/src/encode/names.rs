//! Names of encoded columns: each stands once.

use super::{Encoder, Encoding};
use std::collections::HashSet;

impl Encoder {
    /// Names of the encoded columns: `x` for a number, `x?` for its indicator, `x=level` for a level, `x` for
    /// the numbers of levels. Plain: of the features. A name that an earlier column has is followed by ` (2)`, or the first number that makes it another one.
    pub fn names(&self) -> Vec<String> {
        distinct(self.spelled())
    }

    /// Whether these are the names of the encoded columns. Older models have a name twice where it would come twice.
    pub fn gives(&self, columns: &[String]) -> bool {
        self.names() == columns || self.spelled() == columns
    }

    /// As they would be if none stood twice.
    fn spelled(&self) -> Vec<String> {
        if self.encoding == Encoding::Plain {
            return self.numeric().chain(self.categorical()).map(str::to_string).collect();
        }
        let mut names: Vec<String> = self.numeric.iter().map(|scale| scale.name.clone()).collect();
        names.extend(
            self.numeric.iter().filter(|scale| scale.missing).map(|scale| format!("{}?", scale.name)),
        );
        for feature in &self.categorical {
            if feature.embedded {
                names.push(feature.name.clone());
                continue;
            }
            names.extend(feature.levels.iter().map(|level| format!("{}={level}", feature.name)));
            names.extend(feature.missing.then(|| format!("{}?", feature.name)));
        }
        names
    }
}

/// Each name once: those that stand once anyway keep what they are.
fn distinct(names: Vec<String>) -> Vec<String> {
    let all: HashSet<String> = names.iter().cloned().collect();
    if all.len() == names.len() {
        return names;
    }
    let mut taken: HashSet<String> = HashSet::new();
    let once = |name: String| {
        if taken.insert(name.clone()) {
            return name;
        }
        let numbered = (2..).map(|number: usize| format!("{name} ({number})"));
        let free = numbered.filter(|other| !all.contains(other)).find(|other| taken.insert(other.clone()));
        free.unwrap_or(name)
    };
    names.into_iter().map(once).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_name_that_would_come_twice_is_numbered() {
        let names = texts(&["a=b", "x", "x?", "x?", "a=b", "a=b (2)", "a=b"]);
        assert_eq!(distinct(names), ["a=b", "x", "x?", "x? (2)", "a=b (3)", "a=b (2)", "a=b (4)"]);
        assert_eq!(distinct(texts(&["a", "b"])), ["a", "b"]);
    }

    proptest! {
        #[test]
        fn encoded_names_never_repeat(names in prop::collection::vec("[ab=?]{1,2}( \\(2\\))?", 0..30)) {
            let found = distinct(names.clone());
            let different: HashSet<&String> = found.iter().collect();
            prop_assert_eq!(different.len(), names.len());
            for (name, found) in names.iter().zip(&found) {
                prop_assert!(found.starts_with(name.as_str()));
            }
        }
    }
}
