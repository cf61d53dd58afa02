//! MSI-X of one function: vectors, masks, pending bits. PCIe Transport §3.5.

/// A vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vector {
    /// Masked in the table.
    pub masked: bool,
    /// A message is held back by a mask.
    pub pending: bool,
}

/// The capability and its table.
#[derive(Clone, Debug, Default)]
pub struct Msix {
    /// MSI-X Enable.
    pub enabled: bool,
    /// Function Mask: holds back every vector and leaves their own masks as they are.
    pub function_mask: bool,
    /// The table.
    pub vectors: Vec<Vector>,
}

impl Msix {
    /// A disabled function with a table of `vectors` masked vectors, as after a reset.
    pub fn new(vectors: u16) -> Self {
        let masked = Vector { masked: true, pending: false };
        Self { enabled: false, function_mask: false, vectors: vec![masked; usize::from(vectors)] }
    }

    /// Turns MSI-X on with the first `count` vectors unmasked and the others masked; 0 turns it
    /// off.
    pub fn set_up(&mut self, count: u16) {
        self.enabled = count != 0;
        self.function_mask = false;
        for (n, vector) in self.vectors.iter_mut().enumerate() {
            *vector = Vector { masked: n >= usize::from(count), pending: false };
        }
    }

    /// Whether a message of `vector` may go out now; if a mask holds it back, it is pending.
    pub fn admits(&mut self, vector: u16) -> bool {
        let held = self.function_mask;
        match self.vectors.get_mut(usize::from(vector)) {
            Some(entry) if self.enabled => {
                entry.pending |= held || entry.masked;
                !held && !entry.masked
            }
            _ => false,
        }
    }

    /// Masks or unmasks a vector. Whether a pending message goes out now.
    pub fn mask(&mut self, vector: u16, masked: bool) -> bool {
        if let Some(entry) = self.vectors.get_mut(usize::from(vector)) {
            entry.masked = masked;
        }
        self.release(vector)
    }

    /// Whether `vector` is pending and nothing holds it back any more; then it no longer is.
    pub fn release(&mut self, vector: u16) -> bool {
        let open = self.enabled && !self.function_mask;
        match self.vectors.get_mut(usize::from(vector)) {
            Some(entry) if open && !entry.masked && entry.pending => {
                entry.pending = false;
                true
            }
            _ => false,
        }
    }
}
