//! Every file that the compiler would read for a binary or a library, and how files lead to each other.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::metadata::{Metadata, Package, Target};
use super::source::Source;
use crate::failure::Failure;

/// A longer file is refused: nobody wrote it by hand, and nobody reads what is found in it.
const LONGEST: u64 = 8 << 20;

/// The code of a workspace.
#[derive(Debug)]
pub(super) struct Workspace {
    pub(super) root: PathBuf,
    pub(super) packages: Vec<Package>,
    pub(super) trees: Vec<Tree>,
    pub(super) files: Vec<File>,
    /// Modules whose file is not there: generated, or of another platform.
    pub(super) unread: Vec<String>,
}

/// The files of a binary or a library.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) name: String,
    pub(super) is_binary: bool,
    /// Files by the path of their module, segments joined; the root's is empty.
    pub(super) modules: BTreeMap<String, usize>,
}

/// A file as a module of a tree. A file that two trees share is there twice.
#[derive(Debug)]
pub(super) struct File {
    pub(super) tree: usize,
    pub(super) package: usize,
    pub(super) module: Vec<String>,
    /// From the workspace's root.
    pub(super) path: PathBuf,
    pub(super) source: Source,
}

impl Workspace {
    /// Reads the binaries and libraries of every package.
    pub(super) fn read(metadata: Metadata) -> Result<Self, Failure> {
        let Metadata {
            packages,
            workspace_root,
            ..
        } = metadata;
        let mut workspace = Self {
            root: workspace_root,
            packages: Vec::new(),
            trees: Vec::new(),
            files: Vec::new(),
            unread: Vec::new(),
        };
        for (number, package) in packages.iter().enumerate() {
            let renames = package.renames();
            for target in &package.targets {
                if target.is_binary() || target.is_library() {
                    workspace.read_tree(number, target, &renames)?;
                }
            }
        }
        workspace.packages = packages;
        Ok(workspace)
    }

    /// The number of the root file of a tree.
    pub(super) fn root_of(&self, tree: usize) -> Option<usize> {
        self.trees[tree].modules.get("").copied()
    }

    /// A path as findings show it.
    pub(super) fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_owned()
    }

    fn read_tree(
        &mut self,
        package: usize,
        target: &Target,
        renames: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        let tree = self.trees.len();
        self.trees.push(Tree {
            name: target.name.replace('-', "_"),
            is_binary: target.is_binary(),
            modules: BTreeMap::new(),
        });
        let mut left = vec![(target.src_path.clone(), Vec::new())];
        while let Some((path, module)) = left.pop() {
            let mut source = self.read_file(&path)?;
            source.rename(renames);
            let own_directory = directory_of_modules(&path, module.is_empty());
            for declared in &source.modules {
                let mut child: Vec<String> = module.clone();
                child.extend(declared.path.iter().cloned());
                let found = match &declared.file {
                    Some(file) => Some(path.with_file_name(file)).filter(|it| it.is_file()),
                    None => file_of_module(&own_directory, &declared.path),
                };
                let known = self.trees[tree].modules.contains_key(&child.join("::"));
                match found {
                    Some(file) if !known => left.push((file, child)),
                    Some(_twice) => {}
                    None => self
                        .unread
                        .push(format!("{} of {}", child.join("::"), target.name)),
                }
            }
            let number = self.files.len();
            self.trees[tree]
                .modules
                .entry(module.join("::"))
                .or_insert(number);
            self.files.push(File {
                tree,
                package,
                module,
                path: self.relative(&path),
                source,
            });
        }
        Ok(())
    }

    fn read_file(&self, path: &Path) -> Result<Source, Failure> {
        let shown = path.strip_prefix(&self.root).unwrap_or(path).display();
        let refuse = |why: String| Failure::usage(format!("{shown} cannot be read: {why}"));
        let length = fs::metadata(path)
            .map_err(|error| refuse(error.to_string()))?
            .len();
        if length > LONGEST {
            return Err(refuse(format!("it is longer than {LONGEST} bytes")));
        }
        let text = fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        Source::read(&text).map_err(|at| {
            let (line, column) = (at.line, at.column);
            refuse(format!(
                "what stands at {line}:{column} is no Rust; let the compiler say what is wrong"
            ))
        })
    }
}

/// Where the files of the modules lie that the file at `path` declares.
fn directory_of_modules(path: &Path, is_root: bool) -> PathBuf {
    let directory = path.parent().unwrap_or(Path::new(""));
    match path.file_stem() {
        Some(stem) if !is_root && stem != "mod" => directory.join(stem),
        _ => directory.to_owned(),
    }
}

fn file_of_module(directory: &Path, module: &[String]) -> Option<PathBuf> {
    let base = module
        .iter()
        .fold(directory.to_owned(), |base, it| base.join(it));
    let flat = base.with_extension("rs");
    [flat, base.join("mod.rs")]
        .into_iter()
        .find(|it| it.is_file())
}
