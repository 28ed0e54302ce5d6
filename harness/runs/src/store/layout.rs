//! The only file that spells a path of the results folder, and the rule by which names become parts of paths.

use std::path::{Path, PathBuf};

/// Where things are in a results folder.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    root: PathBuf,
}

/// Files of a run folder.
pub(super) const RECORD: &str = "record.json";
pub(super) const PREDICTIONS: &str = "predictions.parquet";
pub(super) const SUMS: &str = "checksums.b3";
pub(super) const RUN_FILES: [&str; 3] = [RECORD, PREDICTIONS, SUMS];

/// The folder of owners among the claims.
pub(super) const OWNERS: &str = "owners";
/// What ends the name of a turn.
pub(super) const TURN: &str = ".turn";
/// What ends the name of a claim while it is written.
const CLAIM: &str = ".claim";
/// Letters of an owner's name.
pub(super) const OWNER: usize = 32;
/// Letters of an id.
const ID: usize = 16;
/// Longest part of a path that is made of a name; a file system allows 255 bytes.
const LONGEST: usize = 120;

/// Files of a report, beside its figures.
pub const REPORT_FILES: [&str; 10] = [
    "index.html",
    "summary.json",
    "table.md",
    "table.tex",
    "table.csv",
    "contrasts.csv",
    "segments.csv",
    "paper.tex",
    "predictions.csv",
    "predictions.parquet",
];
/// Folder of a report's figures.
pub const FIGURES: &str = "figures";
/// What a single file is called while it is written.
pub(super) const SINGLE: &str = "out";

/// A folder of a results folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// One folder per complete run.
    Runs,
    /// Rows that runs are judged on.
    Evaluations,
    /// Crashes, until the run succeeds.
    Failures,
    /// Work in progress.
    Staging,
    /// Runs that were found damaged.
    SetAside,
    /// Runs that are being trained.
    Claims,
    /// Who trains them.
    Owners,
}

impl Part {
    pub(super) const ALL: [Self; 7] = [
        Self::Runs,
        Self::Evaluations,
        Self::Failures,
        Self::Staging,
        Self::SetAside,
        Self::Claims,
        Self::Owners,
    ];

    /// Name of the folder.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Evaluations => "evaluations",
            Self::Failures => "failures",
            Self::Staging => "staging",
            Self::SetAside => "set-aside",
            Self::Claims => "claims",
            Self::Owners => "claims/owners",
        }
    }

    /// Whether the program gives such names to what it puts there.
    pub(super) fn names(self, name: &str) -> bool {
        let stem = |ending: &str| name.strip_suffix(ending).is_some_and(is_id);
        match self {
            Self::Runs => id_of(name).is_some(),
            Self::Evaluations => stem(".parquet"),
            Self::Failures => stem(".json"),
            Self::Staging => is_owner(name) || super::scratch::names(name) || older_stage(name),
            Self::SetAside => {
                let name = match name.rsplit_once('.') {
                    Some((name, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => name,
                    _ => name,
                };
                id_of(name).is_some() || name.strip_suffix(".parquet").is_some_and(is_id)
            }
            Self::Claims => is_id(name.strip_suffix(TURN).unwrap_or(name)) || name == OWNERS,
            Self::Owners => is_owner(name),
        }
    }
}

impl Layout {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn part(&self, part: Part) -> PathBuf {
        self.root.join(part.name())
    }

    /// What shows that the folder is one of valor.
    pub(super) fn marker(&self) -> PathBuf {
        self.root.join(".valor-results")
    }

    /// The slug is for people; the id is what counts.
    pub(super) fn run(&self, slug: &str, id: &str) -> PathBuf {
        self.part(Part::Runs).join(format!("{}-{id}", folder_name(slug)))
    }

    pub(super) fn evaluation(&self, id: &str) -> PathBuf {
        self.part(Part::Evaluations).join(format!("{id}.parquet"))
    }

    pub(super) fn failure(&self, id: &str) -> PathBuf {
        self.part(Part::Failures).join(format!("{id}.json"))
    }

    /// Who trains a run.
    pub(super) fn claim(&self, id: &str) -> PathBuf {
        self.part(Part::Claims).join(id)
    }

    /// Who is changing the claim of a run.
    pub(super) fn turn(&self, id: &str) -> PathBuf {
        self.part(Part::Claims).join(format!("{id}{TURN}"))
    }

    /// The file of an owner.
    pub(super) fn owner(&self, name: &str) -> PathBuf {
        self.part(Part::Owners).join(name)
    }

    /// Places for what is set aside, the first that is free to be taken.
    pub(super) fn set_aside(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        let folder = self.part(Part::SetAside);
        let name = name.to_string();
        (0..10_000).map(move |number: usize| match number {
            0 => folder.join(&name),
            _ => folder.join(format!("{name}.{number}")),
        })
    }
}

/// Whether this is the id of a run or of an evaluation: 16 hex digits.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == ID && is_hex(text)
}

/// Whether this is the name of an owner: 32 hex digits.
pub(super) fn is_owner(text: &str) -> bool {
    text.len() == OWNER && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// What a claim is called while it is written.
pub(super) fn claim_file(id: &str) -> String {
    format!("{id}{CLAIM}")
}

/// The id in a run folder's name.
pub(super) fn id_of(folder: &str) -> Option<&str> {
    folder.rsplit_once('-').map(|(_, id)| id).filter(|id| is_id(id))
}

/// How versions before the lock named what they staged: process, then id.
pub(super) fn older_stage(name: &str) -> bool {
    let Some((process, rest)) = name.split_once('.') else { return false };
    let digits = !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit());
    digits && is_id(rest.strip_suffix(".json").unwrap_or(rest))
}

/// Whether the program writes files of such names into folders of its own.
pub(super) fn is_written(name: &str) -> bool {
    RUN_FILES.contains(&name)
        || REPORT_FILES.contains(&name)
        || name == SINGLE
        || is_figure(name)
        || name.strip_suffix(CLAIM).is_some_and(is_id)
        || Part::Evaluations.names(name)
        || Part::Failures.names(name)
}

/// `NUMBER-NAME.svg` or `.png`.
pub(super) fn is_figure(name: &str) -> bool {
    let stem = name.strip_suffix(".svg").or(name.strip_suffix(".png"));
    let parts = stem.and_then(|stem| stem.split_once('-'));
    parts.is_some_and(|(number, _)| number.len() >= 3 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A name as one part of a path.
///
/// A plain name stays as it is: letters and digits of any script, space and `_ - . + ( ) , = @ %`, at most 120 bytes, not
/// beginning with `.`, `-` or a space and not ending with `.` or a space. Of any other name the rest becomes `-`, it is cut, and
/// `~` with 16 hex digits of its BLAKE3 follows: so it is one folder inside, and two names never share one.
pub fn folder_name(name: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || " _-.+(),=@%".contains(letter);
    let ends = !name.starts_with(['.', '-', ' ']) && !name.ends_with(['.', ' ']);
    if !name.is_empty() && name.len() <= LONGEST && ends && name.chars().all(plain) {
        return name.to_string();
    }
    let mut cleaned = String::new();
    for letter in name.trim_start_matches(['.', '-', ' ']).chars() {
        let letter = if plain(letter) { letter } else { '-' };
        if cleaned.len() + letter.len_utf8() > LONGEST {
            break;
        }
        cleaned.push(letter);
    }
    let hash = blake3::hash(name.as_bytes()).to_hex();
    format!("{}~{}", cleaned.trim_matches(['.', '-', ' ']), &hash[..ID])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Component;

    #[test]
    fn plain_names_stay_and_no_name_leads_outside() {
        for name in ["table2", "quick", "Quick", "d = 0.5 (all)", "größe", "a,b"] {
            assert_eq!(folder_name(name), name);
        }
        let long = "p".repeat(300);
        let names = [
            "",
            ".",
            "..",
            "/",
            "a/b",
            "a\\b",
            "../../escape",
            "/absolute",
            "a\0b",
            "a\nb",
            "~",
            "-rf",
            ".x",
        ];
        for name in names.into_iter().chain([long.as_str()]) {
            let folder = folder_name(name);
            assert!(folder.contains('~') && folder.len() <= LONGEST + 17, "{name:?}: {folder}");
        }
        assert_ne!(folder_name("a/b"), folder_name("a\\b"));
        assert_ne!(folder_name("a/b"), folder_name("a-b"));
        assert_ne!(folder_name(&folder_name("a/b")), folder_name("a/b"));
    }

    #[test]
    fn only_names_of_the_program_are_its_own() {
        let id = "0123456789abcdef";
        assert!(Part::Runs.names(&format!("b2b-mimic_tarnet_s1-{id}")));
        assert!(!Part::Runs.names("a-b") && !Part::Runs.names(id) && !Part::Runs.names("a-0123456789ABCDEF"));
        assert!(
            Part::Evaluations.names(&format!("{id}.parquet")) && !Part::Evaluations.names("notes.parquet")
        );
        assert!(Part::Failures.names(&format!("{id}.json")) && !Part::Failures.names("notes.json"));
        assert!(Part::Staging.names(&format!("41.{id}")) && Part::Staging.names(&format!("41.{id}.json")));
        assert!(Part::Staging.names(&id.repeat(2)) && Part::Owners.names(&id.repeat(2)));
        assert!(Part::Claims.names(id) && Part::Claims.names(&format!("{id}.turn")));
        assert!(!Part::Claims.names("notes") && !Part::Claims.names(".turn") && !Part::Owners.names(id));
        assert!(!Part::Staging.names("notes.txt") && !Part::Staging.names(&format!(".{id}")));
        for name in
            [format!("x-{id}"), format!("x-{id}.12"), format!("{id}.parquet"), format!("{id}.parquet.3")]
        {
            assert!(Part::SetAside.names(&name), "{name}");
        }
        assert!(!Part::SetAside.names("old.2") && !Part::SetAside.names("mine"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_name_is_one_part_of_a_path_and_its_own(one in ".{0,200}", other in ".{0,200}") {
            let folder = folder_name(&one);
            let parts: Vec<Component> = Path::new(&folder).components().collect();
            prop_assert!(matches!(parts.as_slice(), [Component::Normal(_)]), "{folder}");
            prop_assert!(folder.len() < 200 && !folder.chars().any(char::is_control));
            prop_assert_eq!(one == other, folder == folder_name(&other));
        }
    }
}
