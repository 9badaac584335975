//! Families whose label values are a closed set, one instrument for each.

use std::fmt;
use std::marker::PhantomData;

use counterfoil_core::{FabricError, OpType, ResourceType};

use crate::{Counter, UpDownCounter};

/// A closed set of label values: an enum, or a pair of two for a family with two label keys. Declared by
/// [`label_values!`](crate::label_values).
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

/// Declares a closed set of label values: an enum whose variants name them, which is [`Labels`].
///
/// ```
/// use counterfoil_metrics::Labels;
///
/// counterfoil_metrics::label_values! {
///     /// What a look-up found.
///     pub enum Answer {
///         /// The value.
///         Hit = "hit",
///         /// Nothing.
///         Miss = "miss",
///     }
/// }
/// assert_eq!(Answer::Hit.as_str(), "hit");
/// assert_eq!(Answer::ALL.len(), Answer::COUNT);
/// assert_eq!(Answer::values(Answer::Miss.index()), ["miss"]);
/// ```
#[macro_export]
macro_rules! label_values {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $value:literal),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(clippy::exhaustive_enums, reason = "a closed set")]
        $vis enum $name {
            $($(#[$variant_meta])* $variant),+
        }

        impl $name {
            /// All values, in the order of declaration.
            $vis const ALL: &[Self] = &[$(Self::$variant),+];

            /// The value of the label.
            #[must_use]
            $vis const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $value),+
                }
            }
        }

        impl $crate::Labels for $name {
            const COUNT: usize = Self::ALL.len();

            #[inline]
            fn index(self) -> usize {
                self as usize
            }

            fn values(index: usize) -> ::std::vec::Vec<&'static str> {
                ::std::vec![Self::ALL[index].as_str()]
            }
        }
    };
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
