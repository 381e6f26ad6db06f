//! The components of the kernels here, as Rust types.

use crate::system::Component;

macro_rules! vectors {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Component)]
        pub(super) struct $name {
            pub(super) x: f32,
            pub(super) y: f32,
        }
    )*};
}
vectors! {
    /// Where.
    Position,
    /// How fast.
    Velocity,
    /// The pull of the own cluster.
    NearPull,
    /// The pull of the other clusters.
    FarPull,
    /// The change of velocity by collisions.
    Deflection,
    /// The shift that parts those in contact.
    Shift
}
