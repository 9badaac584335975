//! What is reached from a file or an item: what it names, what that names, and so on.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::items::{Item, ItemKind};
use super::source::{Form, Mention};
use super::workspace::{File, Tree, Workspace};

/// Names that lead on to other names, `pub use` after `pub use`, are followed this often.
const LONGEST_CHAIN: usize = 16;

/// How the names of a workspace lead to its items.
#[derive(Debug)]
pub(super) struct Reach<'a> {
    workspace: &'a Workspace,
    /// Methods and macros, which are known by their name alone.
    by_name: BTreeMap<&'a str, Vec<Place>>,
    /// What stands in the `impl` of a type, by the names of both.
    of_types: BTreeMap<(&'a str, &'a str), Vec<Place>>,
    /// Libraries by name.
    libraries: BTreeMap<&'a str, &'a Tree>,
    /// What was found out about where places lead to.
    onward: RefCell<BTreeMap<Place, Rc<BTreeSet<Place>>>>,
}

/// A file, or an item in it; both by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) file: usize,
    /// All of the file without it.
    pub(super) item: Option<usize>,
}

/// Something that is named on the way, and in which file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached<'a> {
    pub(super) file: usize,
    pub(super) mention: &'a Mention,
}

impl<'a> Reach<'a> {
    pub(super) fn new(workspace: &'a Workspace) -> Self {
        let mut reach = Self {
            workspace,
            by_name: BTreeMap::new(),
            of_types: BTreeMap::new(),
            libraries: BTreeMap::new(),
            onward: RefCell::default(),
        };
        let libraries = workspace.trees.iter().filter(|it| !it.is_binary);
        reach
            .libraries
            .extend(libraries.map(|it| (it.name.as_str(), it)));
        for (file, it) in workspace.files.iter().enumerate() {
            for (item, it) in it.source.items.iter().enumerate() {
                let place = Place {
                    file,
                    item: Some(item),
                };
                if matches!(it.kind, ItemKind::Method | ItemKind::Macro) {
                    reach.by_name.entry(&it.name).or_default().push(place);
                }
                if let Some(of) = &it.of {
                    let of_type = reach.of_types.entry((of, &it.name));
                    of_type.or_default().push(place);
                }
            }
        }
        reach
    }

    /// Everything that is named in a file, and in the items that this leads to.
    pub(super) fn of_file(&self, file: usize) -> Vec<Reached<'a>> {
        self.of_place(Place { file, item: None })
    }

    /// Everything that is named in a place, and in the items that this leads to.
    pub(super) fn of_place(&self, place: Place) -> Vec<Reached<'a>> {
        self.from(place.file, self.mentions_of(place), &self.onward(place))
    }

    /// Everything that is named in a piece of a file, and in the items that this leads to.
    pub(super) fn of_mentions(&self, file: usize, mentions: &'a [Mention]) -> Vec<Reached<'a>> {
        let onward = mentions.iter().flat_map(|it| self.places(file, it));
        self.from(file, mentions, &onward.collect())
    }

    fn from(
        &self,
        file: usize,
        mentions: &'a [Mention],
        onward: &BTreeSet<Place>,
    ) -> Vec<Reached<'a>> {
        let of = |file: usize, mentions: &'a [Mention]| {
            mentions
                .iter()
                .map(move |mention| Reached { file, mention })
        };
        let mut reached: Vec<Reached<'a>> = of(file, mentions).collect();
        let mut seen = onward.clone();
        let mut next: Vec<Place> = onward.iter().copied().collect();
        while let Some(place) = next.pop() {
            reached.extend(of(place.file, self.mentions_of(place)));
            let onward = self.onward(place);
            next.extend(onward.iter().filter(|it| seen.insert(**it)));
        }
        reached
    }

    /// Where the names in a place lead to.
    fn onward(&self, place: Place) -> Rc<BTreeSet<Place>> {
        if let Some(known) = self.onward.borrow().get(&place) {
            return Rc::clone(known);
        }
        let mentions = self.mentions_of(place).iter();
        let onward: Rc<BTreeSet<Place>> = Rc::new(
            mentions
                .flat_map(|it| self.places(place.file, it))
                .collect(),
        );
        self.onward.borrow_mut().insert(place, Rc::clone(&onward));
        onward
    }

    /// The items that a mention can mean.
    pub(super) fn places(&self, file: usize, mention: &Mention) -> Vec<Place> {
        let mut places = Vec::new();
        for path in &mention.paths {
            if matches!(mention.form, Form::Method | Form::Macro { .. }) {
                let name = path.rsplit("::").next().unwrap_or(path);
                let near = self.near(file, self.by_name.get(name)).into_iter();
                places.extend(near.filter(|it| self.takes(*it, mention)));
            }
            if !matches!(mention.form, Form::Method | Form::Field | Form::Definition) {
                places.extend(self.of_path(file, path));
            }
        }
        places
    }

    /// The items that a path, as it stands in a file, can mean.
    pub(super) fn of_path(&self, file: usize, path: &str) -> Vec<Place> {
        let mut places = self.follow(file, path, 0);
        let mut names = path.rsplit("::");
        if let (Some(name), Some(of)) = (names.next(), names.next()) {
            places.extend(self.near(file, self.of_types.get(&(of, name))));
        }
        places
    }

    /// The item of a place that is one.
    pub(super) fn item(&self, place: Place) -> Option<&'a Item> {
        let file = &self.workspace.files[place.file];
        place.item.map(|item| &file.source.items[item])
    }

    /// What stands in a place.
    pub(super) fn mentions_of(&self, place: Place) -> &'a [Mention] {
        let source = &self.workspace.files[place.file].source;
        match place.item {
            Some(item) => source.mentions_in(&source.items[item].tokens),
            None => &source.mentions,
        }
    }

    /// Whether a method has as many parameters as it is given arguments.
    fn takes(&self, place: Place, mention: &Mention) -> bool {
        let item = self.item(place);
        item.is_none_or(|it| it.kind != ItemKind::Method || it.parameters == mention.arity)
    }

    /// Those that stand in the package of `file`, or in one of the workspace that it depends on.
    fn near(&self, file: usize, places: Option<&Vec<Place>>) -> Vec<Place> {
        let packages = &self.workspace.packages;
        let package = self.workspace.files[file].package;
        let is_near = |it: &&Place| {
            let of = self.workspace.files[it.file].package;
            of == package || packages[package].uses(&packages[of].name)
        };
        places
            .into_iter()
            .flatten()
            .filter(is_near)
            .copied()
            .collect()
    }

    /// The same by the modules that a path names, after `chain` names that led to it.
    fn follow(&self, file: usize, path: &str, chain: usize) -> Vec<Place> {
        let segments: Vec<&str> = path.split("::").collect();
        let of = &self.workspace.files[file];
        match self.target(of, &segments) {
            Some((target, rest)) if !rest.is_empty() => {
                let found = self.in_file(target, &rest, chain);
                // What a macro makes has no item: it may be anywhere in the file.
                let whole = Place {
                    file: target,
                    item: None,
                };
                match found.is_empty() && target != file {
                    true => vec![whole],
                    false => found,
                }
            }
            // A module, or something beside it that has its name.
            Some(_) if segments.len() > 1 => {
                let (last, before) = (
                    segments[segments.len() - 1],
                    &segments[..segments.len() - 1],
                );
                let parent = self.target(of, before).filter(|(_, rest)| rest.is_empty());
                parent.map_or_else(Vec::new, |(file, _)| self.in_file(file, &[last], chain))
            }
            Some(_a_module) => Vec::new(),
            None => items_named(&of.source.items, &segments)
                .map(|item| Place {
                    file,
                    item: Some(item),
                })
                .collect(),
        }
    }

    /// The items of a file that the rest of a path can mean, and those of other files that it passes on.
    fn in_file(&self, file: usize, rest: &[&str], chain: usize) -> Vec<Place> {
        let source = &self.workspace.files[file].source;
        let own = items_named(&source.items, rest);
        let own: Vec<Place> = own
            .map(|item| Place {
                file,
                item: Some(item),
            })
            .collect();
        if !own.is_empty() || chain == LONGEST_CHAIN {
            return own;
        }
        let (first, behind) = (rest[0], &rest[1..]);
        let onward = |path: &str| {
            let path = std::iter::once(path).chain(behind.iter().copied());
            self.follow(file, &path.collect::<Vec<_>>().join("::"), chain + 1)
        };
        if let Some(path) = source.imports.names.get(first) {
            return onward(path);
        }
        let globs = source.imports.globs.iter();
        let by_globs = globs.flat_map(|glob| {
            let path = format!("{glob}::{first}");
            let places = onward(&path);
            // All of a file that only may have it is too much.
            places.into_iter().filter(|it| it.item.is_some())
        });
        by_globs.collect()
    }

    /// The file whose module a path lies in, as it stands in `file`, and what is left of the path.
    fn target<'p>(&self, file: &File, path: &[&'p str]) -> Option<(usize, Vec<&'p str>)> {
        let mut segments = path.to_vec();
        let mut within: Vec<&str> = file.module.iter().map(String::as_str).collect();
        let own = &self.workspace.trees[file.tree];
        let first = *segments.first()?;
        let tree = match first {
            "crate" => {
                segments.remove(0);
                within.clear();
                own
            }
            "self" | "super" => {
                while let Some(&("self" | "super")) = segments.first() {
                    if segments.remove(0) == "super" {
                        within.pop();
                    }
                }
                own
            }
            _ => {
                let child = [&within[..], &[first]].concat();
                if own.modules.contains_key(&child.join("::")) {
                    own
                } else {
                    segments.remove(0);
                    within.clear();
                    self.libraries.get(first).copied()?
                }
            }
        };
        // As deep as there are modules.
        let depths = (0..=segments.len()).rev();
        for depth in depths {
            let module = [&within[..], &segments[..depth]].concat().join("::");
            if let Some(found) = tree.modules.get(&module) {
                return Some((*found, segments.split_off(depth)));
            }
        }
        None
    }
}

/// The items that a path within their file can mean: what its last name names, within the type before it if there is one, or else
/// that type.
fn items_named(items: &[Item], path: &[&str]) -> impl Iterator<Item = usize> {
    let last = path.last().copied().unwrap_or_default();
    let of = path.len().checked_sub(2).map(|at| path[at]);
    let named = |name: &str, of: Option<&str>| -> Vec<usize> {
        let is_it = |it: &Item| match (of, it.of.as_deref()) {
            (Some("Self"), within) => within.is_some(),
            (Some(of), Some(within)) => of == within,
            // Within a module in the file, or on its own.
            (_, None) => true,
            (None, Some(_)) => false,
        };
        let found = items.iter().enumerate();
        let found = found.filter(|(_, it)| it.name == name && is_it(it));
        found.map(|(at, _)| at).collect()
    };
    let mut found = named(last, of);
    if let Some(of) = of.filter(|_| found.is_empty()) {
        found = named(of, None);
    }
    found.into_iter()
}

/// Whether one of these methods is called on a value of ours, by how many arguments each takes: on a name or a field that the type
/// is given for, or on what is no name, such as what a call returns.
pub(super) fn acts_on(
    reached: &[Reached<'_>],
    is_type: impl Fn(&str) -> bool,
    methods: &[(&str, usize)],
) -> bool {
    let of_type = reached.iter().filter(|it| it.mention.names(&is_type));
    let mut of_type = of_type.peekable();
    if of_type.peek().is_none() {
        return false;
    }
    let names: BTreeSet<&str> = of_type
        .filter_map(|it| it.mention.bound.as_deref())
        .collect();
    reached.iter().any(|it| {
        let on_it = (it.mention.receiver.as_deref()).is_none_or(|it| names.contains(it));
        let is_called = |(name, arity): &(&str, usize)| {
            it.mention.calls_method(&[name]) && it.mention.arity == *arity
        };
        on_it && methods.iter().any(is_called)
    })
}
