//! What claims are corrected over: the tests of all claims of a family, each once.

use std::collections::BTreeMap;
use valor_stats::stats::holm;

/// A test that a claim rests on.
#[derive(Clone, Debug)]
pub(super) struct ClaimTest {
    /// The same for the same test, whichever claim makes it.
    pub id: String,
    /// Its p-value.
    pub p: Option<f64>,
}

/// A test in its family.
#[derive(Clone, Debug)]
pub struct FamilyTest {
    pub(super) family: String,
    pub(super) test: ClaimTest,
}

/// Families of claims by name.
#[derive(Default)]
pub struct ClaimFamilies {
    tests: BTreeMap<String, BTreeMap<String, Option<f64>>>,
}

impl ClaimFamilies {
    /// Of these tests; one that is known counts once, with the p that comes last.
    pub(super) fn of(tests: impl Iterator<Item = FamilyTest>) -> Self {
        let mut families = Self::default();
        tests.for_each(|FamilyTest { family, test }| families.add(&family, test));
        families
    }

    /// One more test of a family; one that is known counts once.
    fn add(&mut self, family: &str, test: ClaimTest) {
        self.tests.entry(family.to_string()).or_default().insert(test.id, test.p);
    }

    /// A family, corrected after Holm.
    pub(super) fn corrected(&self, family: &str) -> ClaimFamily {
        let tests = self.tests.get(family).cloned().unwrap_or_default();
        let adjusted = holm(&tests.values().copied().collect::<Vec<_>>());
        ClaimFamily {
            name: family.to_string(),
            count: tests.len(),
            adjusted: tests.into_keys().zip(adjusted).collect(),
        }
    }
}

/// One family.
pub(super) struct ClaimFamily {
    /// Its name.
    pub name: String,
    /// Tests in it.
    pub count: usize,
    adjusted: BTreeMap<String, Option<f64>>,
}

impl ClaimFamily {
    /// The p-value of a test after Holm.
    pub(super) fn adjusted(&self, id: &str) -> Option<f64> {
        self.adjusted.get(id).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_counts_once_in_its_family_and_not_in_others() {
        let mut families = ClaimFamilies::default();
        let test = |id: &str, p| ClaimTest { id: id.to_string(), p };
        for (family, id, p) in [
            ("own", "a", Some(0.01)),
            ("own", "b", Some(0.04)),
            ("own", "a", Some(0.01)),
            ("paper", "a", Some(0.01)),
        ] {
            families.add(family, test(id, p));
        }
        families.add("own", test("c", None));
        let own = families.corrected("own");
        assert_eq!(
            (own.count, own.adjusted("a"), own.adjusted("b"), own.adjusted("c")),
            (3, Some(0.03), Some(0.08), None)
        );
        assert_eq!(families.corrected("paper").adjusted("a"), Some(0.01));
        assert_eq!((families.corrected("none").count, own.adjusted("d")), (0, None));
    }
}
