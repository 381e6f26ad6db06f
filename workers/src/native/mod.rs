//! The kernels that come with the engine: `drift`, and the particles that attract each other and collide.
//!
//! # Colliding particles
//!
//! Each particle `i` has a position `x`, a velocity `v`, a mass `m` and a radius `r`. With `d = x_j - x_i` (on a torus
//! the shortest such vector) and contact where `|d| < r_i + r_j`:
//!
//! - **near gravity** (`near`): over the particles of the own cluster that are not in contact,
//!   `a_i = sum G m_j d / (|d|^2 + e^2)^(3/2)`: Newton's attraction with Plummer's softening (Plummer 1911; as used for
//!   N-body sums by Aarseth 1963), `e` the softening length. No pull inside contact (`|d| <= r_i + r_j`): there the
//!   collision acts.
//! - **far gravity** (`far`): the same sum over the other clusters, each a point of its members' mass at their
//!   barycentre: the monopole term of Barnes and Hut (1986), without their opening angle. Clusters are buckets of a
//!   k-d tree; the error against direct summation is that of a toy, and reported by a test.
//! - **elastic deflection** (`deflect`): for every pair in contact that approaches, `(v_j - v_i) . n < 0` with
//!   `n = d / |d|`, the change of velocity of a perfectly elastic collision of smooth discs,
//!   `dv_i = 2 m_j / (m_i + m_j) ((v_j - v_i) . n) n` (Landau and Lifshitz, Mechanics, section 17, along the line of
//!   centres), and a shift that parts them, `-m_j / (m_i + m_j) (r_i + r_j - |d|) n`, which keeps their barycentre.
//!   With several impacts at once both are divided by the larger impact count of the two: then what a pair exchanges
//!   stays equal and opposite, so that momentum is kept. (`impacts` counts, a level earlier.)
//! - **acceleration** (`accelerate`): `v' = v + dv + (near + far) dt`.
//! - **velocity** (`travel`): `x' = x + shift + v' dt`, brought back into the space: with `v'` of this very frame
//!   (semi-implicit Euler), so that a deflection is applied exactly once.
//!
//! Sums run over neighbours in ascending row order, in `f32`, one lane a particle.

use diptych_protocol::id::IndexId;
use diptych_protocol::view::Batch;

use crate::index::KdTree;
use crate::kernel::Registry;

mod accelerate;
mod cluster;
mod components;
mod contact;
mod deflect;
mod drift;
mod far;
mod impacts;
mod near;
mod travel;

/// Adds them all.
pub fn register(registry: Registry) -> Registry {
    registry
        .system::<drift::Drift>()
        .with("cluster.assign", cluster::bind_assign)
        .with("cluster.summarise", cluster::bind_summarise)
        .with("gravity.near", near::bind)
        .with("gravity.far", far::bind)
        .with("collision.count", impacts::bind)
        .with("collision.deflect", deflect::bind)
        .system::<accelerate::Accelerate>()
        .system::<travel::Travel>()
}

/// The sealed tree of a batch.
fn tree<'b>(batch: &'b Batch<'_, '_>, index: IndexId) -> KdTree<'b> {
    KdTree(batch.kd(index))
}
