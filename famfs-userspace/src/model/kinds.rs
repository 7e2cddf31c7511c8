//! Something for each kind of fault: a map of four keys at most, without memory of its own.

use super::{Access, Order};

/// A kind of fault: the size of the mapping, and what the instruction wanted.
pub type Kind = (Order, Access);

/// All kinds, in their order.
const ALL: [Kind; 4] = [
    (Order::Pte, Access::Read),
    (Order::Pte, Access::Write),
    (Order::Pmd, Access::Read),
    (Order::Pmd, Access::Write),
];

/// Values of some kinds. There are thousands of these in every snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds<V>([Option<V>; 4]);

fn place((order, access): Kind) -> usize {
    order as usize * 2 + access as usize
}

impl<V> Kinds<V> {
    pub fn get(&self, kind: &Kind) -> Option<&V> {
        self.0[place(*kind)].as_ref()
    }

    /// The value of this kind, which is there from now on.
    pub fn at(&mut self, kind: Kind) -> &mut V
    where
        V: Default,
    {
        self.0[place(kind)].get_or_insert_default()
    }

    pub fn insert(&mut self, kind: Kind, value: V) {
        self.0[place(kind)] = Some(value);
    }

    /// In the order of the kinds.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, &V)> {
        ALL.into_iter()
            .zip(&self.0)
            .filter_map(|(kind, value)| Some((kind, value.as_ref()?)))
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().flatten()
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().flatten()
    }

    pub fn len(&self) -> usize {
        self.values().count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl<V> Default for Kinds<V> {
    fn default() -> Self {
        Self([const { None }; 4])
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
        assert!(ALL.is_sorted());
    }
}
