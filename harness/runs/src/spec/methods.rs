//! The rows of a table: grids expanded, listed methods composed.

use super::NamedMethod;
use super::names::{missing, unique};
use super::wire::{ExcludeWire, GridWire, MethodWire, Wire};
use valor_base::input_error;
use valor_learn::learner::catalog::{self, ObjectiveSpec, Options, Row};
use valor_learn::learner::{MethodSpec, TrainingSpec};

/// What a method is trained with beside its backbone.
enum Recipe<'a> {
    Components(Vec<String>),
    Objective { objective: &'a ObjectiveSpec, components: Vec<String> },
}

/// All methods of a file: those of its grids, then those that it lists.
pub(super) fn compose(wire: &Wire) -> anyhow::Result<Vec<NamedMethod>> {
    let objectives: Vec<ObjectiveSpec> = wire.objective.iter().map(|wire| wire.spec()).collect();
    unique("objective", objectives.iter().map(|objective| objective.name.clone()))?;
    let mut methods = Vec::new();
    for grid in &wire.grid {
        methods.extend(expand(grid, &objectives)?);
    }
    for method in &wire.method {
        methods.push(listed(method, &objectives)?);
    }
    Ok(methods)
}

fn expand(grid: &GridWire, objectives: &[ObjectiveSpec]) -> anyhow::Result<Vec<NamedMethod>> {
    if grid.components.is_empty() && grid.objectives.is_empty() {
        return Err(input_error!("grid: give components, objectives, or both"));
    }
    for exclude in &grid.exclude {
        exclude.backbone.as_deref().map(catalog::row).transpose()?;
        exclude.components.as_deref().map(catalog::components).transpose()?;
    }
    let (model, training) = settings(&grid.model, &grid.training);
    let mut methods = Vec::new();
    for backbone in &grid.backbones {
        for components in &grid.components {
            let components = catalog::components(components)?;
            if !grid.exclude.iter().any(|exclude| exclude.meets(backbone, &components)) {
                methods.push(method(backbone, Recipe::Components(components), (&model, &training))?);
            }
        }
        for name in &grid.objectives {
            let (objective, components) = (find(objectives, name)?, Vec::new());
            let recipe = Recipe::Objective { objective, components };
            methods.push(method(backbone, recipe, (&model, &training))?);
        }
    }
    Ok(methods)
}

impl ExcludeWire {
    fn meets(&self, backbone: &str, components: &[String]) -> bool {
        let same =
            |listed: &Vec<String>| catalog::components(listed).is_ok_and(|listed| listed == components);
        self.backbone.as_deref().is_none_or(|named| named == backbone)
            && self.components.as_ref().is_none_or(same)
    }
}

fn listed(wire: &MethodWire, objectives: &[ObjectiveSpec]) -> anyhow::Result<NamedMethod> {
    let components = catalog::components(&wire.components)?;
    let recipe = match &wire.objective {
        None => Recipe::Components(components),
        Some(name) => {
            let objective = find(objectives, name)?;
            let beside = catalog::BESIDE_OBJECTIVES;
            if let Some(other) = components.iter().find(|component| !beside.contains(&component.as_str())) {
                return Err(input_error!(
                    "method with objective '{name}': found component '{other}'; beside an objective only '{}' are allowed",
                    beside.join("', '")
                ));
            }
            Recipe::Objective { objective, components }
        }
    };
    let (model, training) = settings(&wire.model, &wire.training);
    let mut method = method(&wire.backbone, recipe, (&model, &training))?;
    if let Some(name) = &wire.name {
        method.name.clone_from(name);
    }
    Ok(method)
}

fn settings(model: &Option<Options>, training: &Option<TrainingSpec>) -> (Options, TrainingSpec) {
    (model.clone().unwrap_or_default(), training.clone().unwrap_or_default())
}

fn find<'a>(objectives: &'a [ObjectiveSpec], name: &str) -> anyhow::Result<&'a ObjectiveSpec> {
    let names: Vec<&str> = objectives.iter().map(|objective| objective.name.as_str()).collect();
    objectives
        .iter()
        .find(|objective| objective.name == name)
        .ok_or_else(|| missing("objective", name, &names))
}

fn method(
    backbone: &str,
    recipe: Recipe,
    settings: (&Options, &TrainingSpec),
) -> anyhow::Result<NamedMethod> {
    let row = match catalog::row(backbone)? {
        Row::Network(row) => row,
        Row::Trees(row) => {
            let named = Alone { key: row.key, name: row.name, what: "is made of trees" };
            return named.method(&recipe, row.method(settings.0));
        }
        Row::Purchases(row) => {
            let named = Alone { key: row.key, name: row.name, what: "is a law of purchases" };
            return named.method(&recipe, row.method(settings.0));
        }
    };
    let (name, components, spec) = match recipe {
        Recipe::Components(components) => {
            let spec = catalog::compose(row, &components, settings.0, settings.1)
                .map_err(|error| input_error!("{}: {error:#}", catalog::name(row, &components)))?;
            (catalog::name(row, &components), components, spec)
        }
        Recipe::Objective { objective, components } => {
            let spec = catalog::compose_objective(row, objective, &components, settings)?;
            let added: String = components.iter().map(|component| format!("+{component}")).collect();
            (format!("{} {}{added}", row.name, objective.name), components, spec)
        }
    };
    Ok(NamedMethod { name, backbone: backbone.to_string(), components, spec })
}

/// What is composed of nothing else.
struct Alone {
    key: &'static str,
    name: &'static str,
    /// `is made of trees`.
    what: &'static str,
}

impl Alone {
    fn method(&self, recipe: &Recipe, spec: anyhow::Result<MethodSpec>) -> anyhow::Result<NamedMethod> {
        let Self { key, name, what } = self;
        let alone = matches!(recipe, Recipe::Components(components) if components.is_empty());
        if !alone {
            return Err(input_error!(
                "'{key}' {what} and takes neither components nor objectives: list it with components = [] or in a \
                 [[method]] of its own"
            ));
        }
        let spec = spec.map_err(|error| input_error!("{name}: {error:#}"))?;
        Ok(NamedMethod { name: name.to_string(), backbone: key.to_string(), components: Vec::new(), spec })
    }
}
