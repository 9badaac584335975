//! Grafana's classic dashboards, as much of them as is checked.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::read::{self, Error, stem};

/// A dashboard and the file it is from.
#[derive(Debug)]
#[non_exhaustive]
pub struct File {
    /// The file's name without `.json`.
    pub name: String,
    /// What it holds.
    pub dashboard: Dashboard,
}

/// What is missing in a file is empty here, for the lint to say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct Dashboard {
    /// Left to Grafana, so null.
    pub id: Option<u64>,
    /// Its address.
    pub uid: String,
    /// Its title.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// Whether it can be changed in the browser: nobody would find the changes of a provisioned one again.
    pub editable: bool,
    /// The version of the format.
    pub schema_version: u32,
    /// Its variables.
    pub templating: Templating,
    /// What is marked in all its panels.
    pub annotations: Annotations,
    /// Its panels and rows.
    pub panels: Vec<Panel>,
}

/// What is marked in all panels.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Annotations {
    /// In the order they are shown.
    pub list: Vec<Annotation>,
}

/// What is marked wherever a query has a result.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Annotation {
    /// What the reader sees.
    pub name: String,
    /// The query.
    pub expr: String,
}

/// The variables of a dashboard.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Templating {
    /// In the order they are shown.
    pub list: Vec<Variable>,
}

/// A variable of a dashboard.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct Variable {
    /// What stands in queries after `$`.
    pub name: String,
    /// `datasource` or `query`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the reader sees.
    pub label: Option<String>,
    /// The kind of datasource, or the query: text or an object with it.
    pub query: Value,
    /// Where the values come from.
    pub datasource: Option<Datasource>,
    /// Whether several can be chosen.
    pub multi: bool,
    /// What stands for all of them.
    pub all_value: Option<String>,
    /// When it is read again: 2 is whenever the time range changes.
    pub refresh: u8,
}

/// A reference to a datasource.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Datasource {
    /// Its identity, `${datasource}` for the chosen one.
    pub uid: String,
}

/// A panel, or a row.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct Panel {
    /// Unique in the dashboard.
    pub id: u64,
    /// `timeseries`, `stat`, `row` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its title.
    pub title: String,
    /// What it shows and when to worry.
    pub description: String,
    /// Where it is.
    pub grid_pos: GridPos,
    /// What it asks.
    pub datasource: Option<Datasource>,
    /// Its queries.
    pub targets: Vec<Target>,
    /// How values are shown.
    pub field_config: FieldConfig,
    /// The panels of a collapsed row.
    pub panels: Vec<Self>,
}

/// A place in a grid that is 24 wide.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct GridPos {
    /// Its left edge.
    pub x: u32,
    /// Its upper edge.
    pub y: u32,
    /// Its width.
    pub w: u32,
    /// Its height.
    pub h: u32,
}

/// A query of a panel.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct Target {
    /// Unique in the panel.
    pub ref_id: String,
    /// The query.
    pub expr: String,
    /// If it asks another datasource than the panel.
    pub datasource: Option<Datasource>,
}

/// How values are shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct FieldConfig {
    /// Where no override says otherwise.
    pub defaults: Defaults,
}

/// How values are shown where no override says otherwise.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Defaults {
    /// The unit.
    pub unit: String,
    /// Texts in place of values, which then need no unit.
    pub mappings: Vec<Value>,
}

/// The folder with the dashboards.
#[must_use]
pub fn folder() -> PathBuf {
    read::root().join("grafana/dashboards")
}

/// The dashboard in a file.
///
/// # Errors
/// When it cannot be read or is none.
pub fn read(path: &Path) -> Result<File, Error> {
    let dashboard = serde_json::from_str(&read::text(path)?)
        .map_err(|error| Error(format!("{}: {error}", path.display())))?;
    Ok(File {
        name: stem(path),
        dashboard,
    })
}

impl Dashboard {
    /// Its panels, those of collapsed rows included, and no rows.
    pub fn panels(&self) -> impl Iterator<Item = &Panel> {
        let inner = self.panels.iter().flat_map(|it| &it.panels);
        self.panels
            .iter()
            .chain(inner)
            .filter(|it| it.kind != "row")
    }

    /// Its annotations that are queries.
    pub fn annotations(&self) -> impl Iterator<Item = &Annotation> {
        let list = self.annotations.list.iter();
        list.filter(|it| !it.expr.is_empty())
    }

    /// The names of its variables.
    #[must_use]
    pub fn variables(&self) -> Vec<&str> {
        self.templating.list.iter().map(|it| &*it.name).collect()
    }
}

impl Variable {
    /// Its query, whichever way it is written.
    #[must_use]
    pub fn query_text(&self) -> &str {
        let text = self.query.as_str().or_else(|| self.query["query"].as_str());
        text.unwrap_or_default()
    }
}

impl Datasource {
    /// Whether it is what the reader chose.
    #[must_use]
    pub fn is_chosen(&self) -> bool {
        matches!(&*self.uid, "${datasource}" | "$datasource")
    }
}
