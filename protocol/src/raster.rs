//! Groups whose rows are the cells of a raster: what the language calls a `grid`. Rows are fixed, x fastest, then y, then
//! z: `row = (z * h + y) * w + x`.

use serde::{Deserialize, Serialize};

use crate::id::ColumnId;
use crate::types::Value;

/// From one cell to another, in cells along x, y and z.
pub type Offset = [i16; 3];

/// How cells stand.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Raster {
    /// Dimensions, 1 to 3.
    pub axes: u8,
    /// Cells along x, y and z; 1 along what it has not.
    pub extents: [u32; 3],
    /// What is beyond the edge.
    pub rim: Rim,
}

/// What cells beyond the edge of a raster read as.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Rim {
    /// As those at the opposite side: the raster wraps.
    Torus,
    /// As the nearest ones inside.
    Clamp,
    /// As these values, of columns that are read there.
    Outside(Vec<(ColumnId, Value)>),
}

impl Raster {
    /// How many cells; nothing where they are too many to be numbered.
    pub fn cells(&self) -> Option<u32> {
        let [w, h, d] = self.extents;
        w.checked_mul(h)?.checked_mul(d)
    }

    /// `512 x 512`, for people.
    pub fn sides(&self) -> String {
        let sides = self.extents.iter().take(self.axes.into());
        sides.map(ToString::to_string).collect::<Vec<_>>().join(" x ")
    }

    /// Along one axis: where a coordinate beyond the edge is brought. Nothing outside of all cells.
    ///
    /// # Panics
    /// If the axis is beyond the third, or has no cells.
    pub fn brought(&self, axis: usize, at: i64) -> Option<u32> {
        let extent = i64::from(self.extents[axis]);
        match self.rim {
            _ if (0..extent).contains(&at) => Some(at as u32),
            Rim::Torus => Some(at.rem_euclid(extent) as u32),
            Rim::Clamp => Some(at.clamp(0, extent - 1) as u32),
            Rim::Outside(_) => None,
        }
    }

    /// The line at an offset from another, both counted through.
    pub fn line(&self, line: u32, offset: Offset) -> Option<u32> {
        let h = self.extents[1];
        let (y, z) = (i64::from(line % h), i64::from(line / h));
        let y = self.brought(1, y + i64::from(offset[1]))?;
        Some(self.brought(2, z + i64::from(offset[2]))? * h + y)
    }

    /// What a column reads as outside of all cells.
    pub fn outside(&self, column: ColumnId) -> Option<Value> {
        match &self.rim {
            Rim::Torus | Rim::Clamp => None,
            Rim::Outside(values) => values.iter().find(|(known, _)| *known == column).map(|(_, value)| *value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Raster, Rim};

    #[test]
    fn each_rim_brings_cells_beyond_it_where_it_says() {
        let raster = |rim| Raster { axes: 2, extents: [5, 3, 1], rim };
        let (torus, clamp, outside) = (raster(Rim::Torus), raster(Rim::Clamp), raster(Rim::Outside(Vec::new())));
        assert_eq!((torus.cells(), torus.sides().as_str()), (Some(15), "5 x 3"));
        for at in -12..12 {
            assert_eq!(torus.brought(0, at), Some(at.rem_euclid(5) as u32));
            assert_eq!(clamp.brought(0, at), Some(at.clamp(0, 4) as u32));
            assert_eq!(outside.brought(0, at), (0..5).contains(&at).then_some(at as u32));
        }
        assert_eq!(torus.line(0, [0, -1, 0]), Some(2));
        assert_eq!(clamp.line(0, [0, -1, 0]), Some(0));
        assert_eq!(outside.line(0, [0, -1, 0]), None);
        assert_eq!(Raster { axes: 3, extents: [1 << 11, 1 << 11, 1 << 10], rim: Rim::Torus }.cells(), None);
    }
}
