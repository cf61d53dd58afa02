//! A list that is nearly always short: its first items lie in place, without an allocation.

/// A list whose first `N` items lie in place.
#[derive(Clone, Debug, PartialEq)]
pub struct Few<T, const N: usize> {
    len: usize,
    first: [T; N],
    rest: Vec<T>,
}

impl<T: Copy + Default, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Self { len: 0, first: [T::default(); N], rest: Vec::new() }
    }
}

impl<T: Copy, const N: usize> Few<T, N> {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Item `n`, below [`Self::len`].
    pub fn get(&self, n: usize) -> T {
        if n < N { self.first[n] } else { self.rest[n - N] }
    }

    /// All items.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = T> + ExactSizeIterator {
        (0..self.len).map(|n| self.get(n))
    }

    /// Appends an item.
    pub fn push(&mut self, item: T) {
        match self.first.get_mut(self.len) {
            Some(place) => *place = item,
            None => self.rest.push(item),
        }
        self.len += 1;
    }

    /// Removes all items.
    pub fn clear(&mut self) {
        self.rest.clear();
        self.len = 0;
    }

    /// Keeps the items that are `wanted`, in order.
    pub fn retain(&mut self, mut wanted: impl FnMut(&T) -> bool) {
        let mut kept = 0;
        for n in 0..self.len {
            let item = self.get(n);
            if !wanted(&item) {
                continue;
            }
            match self.first.get_mut(kept) {
                Some(place) => *place = item,
                None => self.rest[kept - N] = item,
            }
            kept += 1;
        }
        self.rest.truncate(kept.saturating_sub(N));
        self.len = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_longer_than_its_place_keeps_its_order() {
        let mut few: Few<u32, 2> = Few::default();
        for n in 0..6 {
            few.push(n);
        }
        assert_eq!(few.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        few.retain(|n| n % 2 == 1);
        assert_eq!(few.iter().collect::<Vec<_>>(), [1, 3, 5]);
        few.push(7);
        assert_eq!((few.len(), few.get(3)), (4, 7));
        few.retain(|n| *n == 7);
        few.push(8);
        assert_eq!(few.iter().collect::<Vec<_>>(), [7, 8]);
        few.clear();
        assert_eq!(few.iter().next(), None);
    }
}
