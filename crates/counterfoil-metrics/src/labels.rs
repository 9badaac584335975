//! Families whose label values are a closed set, one instrument for each.

use std::fmt;
use std::marker::PhantomData;

use counterfoil_core::{FabricError, OpType, ResourceType};

use crate::{Counter, UpDownCounter};

/// A closed set of label values: an enum, or a pair of two for a family with two label keys.
///
/// ```
/// use counterfoil_metrics::Labels;
///
/// #[derive(Clone, Copy, Debug)]
/// enum Answer { Hit, Miss }
///
/// impl Labels for Answer {
///     const COUNT: usize = 2;
///     fn index(self) -> usize { self as usize }
///     fn values(index: usize) -> Vec<&'static str> { vec![["hit", "miss"][index]] }
/// }
/// ```
///
/// # Contract
/// `index` gives a number below `COUNT`, and `values` gives as many texts as the family has label keys, for every number
/// below `COUNT`, always the same ones.
pub trait Labels: Copy + fmt::Debug + Send + Sync + 'static {
    /// How many combinations there are.
    const COUNT: usize;

    /// This one's number.
    fn index(self) -> usize;

    /// The label values of the combination with this number, in the order of the family's label keys.
    fn values(index: usize) -> Vec<&'static str>;
}

macro_rules! closed_set {
    ($($name:ident),+) => {$(
        impl Labels for $name {
            const COUNT: usize = Self::ALL.len();

            #[inline]
            fn index(self) -> usize {
                Self::index(self)
            }

            fn values(index: usize) -> Vec<&'static str> {
                vec![Self::ALL[index].as_str()]
            }
        }
    )+};
}
closed_set!(ResourceType, OpType, FabricError);

impl<A: Labels, B: Labels> Labels for (A, B) {
    const COUNT: usize = A::COUNT * B::COUNT;

    #[inline]
    fn index(self) -> usize {
        self.0.index() * B::COUNT + self.1.index()
    }

    fn values(index: usize) -> Vec<&'static str> {
        let mut values = A::values(index / B::COUNT);
        values.extend(B::values(index % B::COUNT));
        values
    }
}

/// One instrument per value of a closed set. All series are there from the start, at zero.
#[derive(Clone)]
pub struct By<L, I> {
    instruments: Box<[I]>,
    labels: PhantomData<fn(L)>,
}

impl<L: Labels, I> By<L, I> {
    pub(crate) fn new(make: impl FnMut(usize) -> I) -> Self {
        Self {
            instruments: (0..L::COUNT).map(make).collect(),
            labels: PhantomData,
        }
    }

    /// The instrument of this label value.
    ///
    /// # Panics
    /// When `L` breaks the contract of [`Labels`] and gives an index that is not below its count.
    #[inline]
    #[must_use]
    pub fn at(&self, label: L) -> &I {
        &self.instruments[label.index()]
    }
}

impl<L: Labels> By<L, Counter> {
    /// The total over all label values, saturating.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.instruments
            .iter()
            .fold(0, |sum, it| sum.saturating_add(it.get()))
    }
}

impl<L: Labels> By<L, UpDownCounter> {
    /// The sum over all label values.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.instruments
            .iter()
            .fold(0, |sum, it| sum.wrapping_add(it.get()))
    }
}

impl<L, I: fmt::Debug> fmt::Debug for By<L, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.instruments).finish()
    }
}
