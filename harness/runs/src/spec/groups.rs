//! Methods of one backbone that differ in their components.

use super::NamedMethod;
use std::collections::BTreeSet;

/// The components of full VALOR.
const VALOR: [&str; 4] = ["ziln", "focal", "gti", "wr"];

/// A full model with one component left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Backbone, as files spell it.
    pub backbone: String,
    /// The component.
    pub component: String,
    /// The method without it.
    pub method: String,
    /// The method with all.
    pub full: String,
}

/// A method and another of the same backbone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithinBackbone {
    /// The method.
    pub method: String,
    /// The backbone alone, or full VALOR on it.
    pub against: String,
}

/// Backbones in the order of the table.
pub fn backbones(methods: &[NamedMethod]) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for method in methods {
        if !found.contains(&method.backbone.as_str()) {
            found.push(&method.backbone);
        }
    }
    found
}

/// The methods of a backbone by their components, each set once; a set that two methods share says nothing of its components.
pub fn by_components<'a>(methods: &'a [NamedMethod], backbone: &str) -> Vec<&'a NamedMethod> {
    let same = |method: &&NamedMethod| method.backbone == backbone;
    let twins = |method: &NamedMethod| {
        methods.iter().filter(same).filter(|other| other.components == method.components).count()
    };
    methods.iter().filter(same).filter(|method| twins(method) == 1).collect()
}

/// The method of a backbone with exactly these components, if there is one and no other.
pub fn with_components<'a>(
    methods: &'a [NamedMethod],
    backbone: &str,
    components: &[String],
) -> Option<&'a NamedMethod> {
    by_components(methods, backbone).into_iter().find(|method| method.components == components)
}

/// Every method against its own backbone (the method of it without components, the first where an objective or an option makes several),
/// and against full VALOR on it (the one with all four of the paper's components). Nothing of a backbone without the one or the other.
pub fn within_backbones(methods: &[NamedMethod]) -> Vec<WithinBackbone> {
    let mut found: Vec<WithinBackbone> = Vec::new();
    for backbone in backbones(methods) {
        let own: Vec<&NamedMethod> = methods.iter().filter(|method| method.backbone == backbone).collect();
        let with = |components: &[&str]| own.iter().find(|method| method.components == components);
        for against in [with(&[]), with(&VALOR)].into_iter().flatten() {
            for method in &own {
                let same =
                    |pair: &WithinBackbone| (&pair.method, &pair.against) == (&against.name, &method.name);
                if method.name != against.name && !found.iter().any(same) {
                    found.push(WithinBackbone { method: method.name.clone(), against: against.name.clone() });
                }
            }
        }
    }
    found
}

/// Every full model less one component. A model is full if it has at least two components and all that any other
/// method of its backbone has.
pub fn left_out(methods: &[NamedMethod]) -> Vec<LeftOut> {
    let mut found = Vec::new();
    for backbone in backbones(methods) {
        let own = by_components(methods, backbone);
        let all: BTreeSet<&String> = own.iter().flat_map(|method| &method.components).collect();
        let is_full = |method: &&&NamedMethod| method.components.len() == all.len() && all.len() > 1;
        let Some(full) = own.iter().find(is_full) else { continue };
        for component in &full.components {
            let rest: Vec<&String> = full.components.iter().filter(|other| *other != component).collect();
            let without = own.iter().find(|method| method.components.iter().collect::<Vec<_>>() == rest);
            found.extend(without.map(|method| LeftOut {
                backbone: backbone.to_string(),
                component: component.clone(),
                method: method.name.clone(),
                full: full.name.clone(),
            }));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::load::declared;
    use crate::spec::{Family, OWN_CLAIMS, usual_family};

    #[test]
    fn methods_meet_their_own_backbone_and_valor_on_it_once() {
        let path = std::path::Path::new("../../experiments/table1.toml");
        let table = declared(path, None, &[]).unwrap();
        let found = within_backbones(&table.methods);
        let of = |method: &str| -> Vec<&str> {
            found.iter().filter(|pair| pair.method == method).map(|pair| pair.against.as_str()).collect()
        };
        assert_eq!(of("VALOR (TARNet)"), ["TARNet"]);
        assert_eq!(of("RERUM (CFR-WASS)"), ["CFR-WASS", "VALOR (CFR-WASS)"]);
        assert!(of("TARNet").is_empty() && of("EFIN").is_empty(), "neither itself nor a pair twice");
        assert_eq!(found.len(), 6 + 4 * 2);
    }

    #[test]
    fn grids_of_backbones_are_decided_within_them_and_claims_are_of_whoever_makes_them() {
        let load = |name: &str| {
            let path = format!("../../experiments/{name}.toml");
            declared(std::path::Path::new(&path), None, &[]).unwrap()
        };
        for (name, family) in [
            ("table1", Family::WithinBackbone),
            ("release", Family::WithinBackbone),
            ("loss_variants", Family::WithinBackbone),
            ("ziln", Family::Baseline),
            ("forests", Family::Baseline),
        ] {
            assert_eq!(load(name).decision.contrasts, [family], "{name}");
        }
        let losses = load("loss_variants");
        let against: BTreeSet<String> =
            within_backbones(&losses.methods).into_iter().map(|pair| pair.against).collect();
        assert_eq!(against, BTreeSet::from(["TARNet mse".to_string(), "CFR-WASS mse".to_string()]));
        let table = load("table2");
        let families: BTreeSet<&str> = table.claims.iter().map(|claim| claim.family.as_str()).collect();
        assert_eq!(families, BTreeSet::from([OWN_CLAIMS, "claims of the paper"]));
        assert_eq!(usual_family(Some("a book")), "claims of a book");
    }
}
