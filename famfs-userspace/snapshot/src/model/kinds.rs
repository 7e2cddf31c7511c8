//! Something for each kind of fault: a map of at most four keys. There are thousands of these maps in
//! every snapshot, and one with two kinds, such as most files have, takes no memory of its own.

use smallvec::SmallVec;

use super::{Access, Order};

/// A kind of fault: the size of the mapping, and what the instruction wanted.
pub type Kind = (Order, Access);

/// Values of some kinds, sorted by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds<V>(SmallVec<[(Kind, V); 2]>);

impl<V> Kinds<V> {
    /// Returns the value of this kind, if there is one.
    pub fn get(&self, kind: &Kind) -> Option<&V> {
        let found = self.0.iter().find(|(at, _)| at == kind);
        found.map(|(_, value)| value)
    }

    /// Returns the value of this kind, and makes it if there is none.
    pub fn at(&mut self, kind: Kind) -> &mut V
    where
        V: Default,
    {
        let place = match self.place(kind) {
            Ok(place) => place,
            Err(place) => {
                self.0.insert(place, (kind, V::default()));
                place
            }
        };
        &mut self.0[place].1
    }

    /// Sets the value of this kind.
    pub fn insert(&mut self, kind: Kind, value: V) {
        match self.place(kind) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.0.insert(place, (kind, value)),
        }
    }

    /// Returns where the kind is, or where it would be.
    fn place(&self, kind: Kind) -> Result<usize, usize> {
        self.0.binary_search_by_key(&kind, |(at, _)| *at)
    }

    /// Returns kinds and values in the order of the kinds.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, &V)> {
        self.0.iter().map(|(kind, value)| (*kind, value))
    }

    /// Returns the values in the order of their kinds.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Returns the values in the order of their kinds.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// Returns how many kinds have a value.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether no kind has a value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes all values.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<V> Default for Kinds<V> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<V> FromIterator<(Kind, V)> for Kinds<V> {
    fn from_iter<I: IntoIterator<Item = (Kind, V)>>(values: I) -> Self {
        let mut kinds = Self::default();
        for (kind, value) in values {
            kinds.insert(kind, value);
        }
        kinds
    }
}

impl<V, const N: usize> From<[(Kind, V); N]> for Kinds<V> {
    fn from(values: [(Kind, V); N]) -> Self {
        values.into_iter().collect()
    }
}

impl<V> std::ops::Index<&Kind> for Kinds<V> {
    type Output = V;

    fn index(&self, kind: &Kind) -> &V {
        self.get(kind).expect("there is a value of this kind")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Kind; 4] = [
        (Order::Pte, Access::Read),
        (Order::Pte, Access::Write),
        (Order::Pmd, Access::Read),
        (Order::Pmd, Access::Write),
    ];

    #[test]
    fn a_value_is_where_it_was_put_and_all_come_in_order() {
        let mut kinds = Kinds::default();
        assert!(kinds.is_empty());
        for (kind, n) in ALL.into_iter().zip(0..4).rev() {
            assert_eq!(kinds.get(&kind), None);
            kinds.insert(kind, n);
            assert_eq!(kinds.get(&kind), Some(&n));
        }
        *kinds.at(ALL[2]) += 10;
        assert_eq!(kinds.iter().map(|(kind, _)| kind).collect::<Vec<_>>(), ALL);
        assert_eq!(kinds.values().copied().collect::<Vec<_>>(), [0, 1, 12, 3]);
        assert_eq!((kinds.len(), kinds[&ALL[3]]), (4, 3));
        kinds.clear();
        assert_eq!(kinds, Kinds::default());
    }
}
