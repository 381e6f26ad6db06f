//! A mapped segment and the typed slices cut out of it. One of the few modules with `unsafe`.

#![expect(unsafe_code, reason = "mapping shared memory and cutting typed slices out of it")]

use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

use bytemuck::Pod;

use crate::layout::{Place, Words};

/// What keeps the bytes mapped. Dropping it unmaps them (and, for the owner, removes the name).
pub(crate) enum Mapping {
    /// Made by this process, which owns the name.
    Owned(shared_memory::Shmem),
    /// Made by another process.
    Attached(memmap2::MmapRaw),
}

/// A mapped segment.
pub struct Memory {
    base: NonNull<u8>,
    len: usize,
    _mapping: Mapping,
}

// SAFETY: the mapping is plain memory, shared between processes already: what may be read or written where is
// decided by tickets, not by threads. The handles inside `Mapping` are only used again when dropped, and unmapping
// and unlinking are legal from any thread.
unsafe impl Send for Memory {}
// SAFETY: as above; all methods hand out atomics, or slices under the duties they state.
unsafe impl Sync for Memory {}

/// A type that the segment holds as atomics.
pub trait Atomic {
    /// The plain type.
    type Plain: Pod;
}
impl Atomic for AtomicU8 {
    type Plain = u8;
}
impl Atomic for AtomicU16 {
    type Plain = u16;
}
impl Atomic for AtomicU32 {
    type Plain = u32;
}
impl Atomic for AtomicU64 {
    type Plain = u64;
}

impl Memory {
    /// The segment behind a mapping, or nothing where the mapping is no memory at all.
    pub(crate) fn new(mapping: Mapping) -> Option<Self> {
        let (base, len) = match &mapping {
            Mapping::Owned(shmem) => (shmem.as_ptr(), shmem.len()),
            Mapping::Attached(map) => (map.as_mut_ptr(), map.len()),
        };
        Some(Self { base: NonNull::new(base)?, len, _mapping: mapping })
    }

    /// Bytes mapped.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The start of `len` elements at a byte offset, checked to lie within the mapping and to be aligned.
    #[inline]
    fn at<T>(&self, offset: usize, len: usize) -> NonNull<T> {
        let bytes = len.checked_mul(size_of::<T>()).and_then(|bytes| bytes.checked_add(offset));
        assert!(bytes.is_some_and(|end| end <= self.len), "an array beyond the segment's end");
        assert!(offset.is_multiple_of(align_of::<T>()), "a misaligned array");
        // SAFETY: offset <= len of the mapping, which is one allocation.
        unsafe { self.base.add(offset).cast() }
    }

    /// An array of atomics: any process may touch them at any time.
    #[inline]
    pub fn words<A: Atomic>(&self, words: Words<A::Plain>) -> &[A] {
        let start = self.at::<A>(words.offset, words.len);
        // SAFETY: in range and aligned (`at`); `Words` places are only ever seen as atomics, and an atomic has the
        // size and the validity of its plain type. The mapping outlives the borrow of `self`.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), words.len) }
    }

    /// Elements at a byte offset, as atomics.
    ///
    /// # Safety
    /// - While the slice lives, all processes that write these elements do so through such slices, and nobody holds a
    ///   plain one.
    #[inline]
    pub(crate) unsafe fn atomics_at<A: Atomic>(&self, offset: usize, len: usize) -> &[A] {
        let start = self.at::<A>(offset, len);
        // SAFETY: in range and aligned (`at`); an atomic has the size and the validity of its plain type; no plain
        // slice is about: the caller's duty. Lives as long as the mapping.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), len) }
    }

    /// Writes bytes into a segment that nobody has attached to yet.
    pub(crate) fn write_fresh(&self, offset: usize, bytes: &[u8]) {
        // SAFETY: this process made the segment and has not told anybody its name.
        unsafe { self.write_at(offset, bytes.len()) }.copy_from_slice(bytes);
    }

    /// The fixed part of the header.
    pub(crate) fn header_bytes(&self) -> Option<&[u8]> {
        let bytes = crate::layout::HEADER_BYTES;
        // SAFETY: it is written once, before anybody is told the segment's name.
        (self.len >= bytes).then(|| unsafe { self.read_at(0, bytes) })
    }

    /// Elements of a plain array.
    ///
    /// # Safety
    /// - No process writes them while the slice lives.
    #[inline]
    pub unsafe fn read<T: Pod>(&self, place: Place<T>, range: Range<usize>) -> &[T] {
        assert!(range.start <= range.end && range.end <= place.len, "a range beyond its array");
        // SAFETY: the caller's duty; the range is within the place.
        unsafe { self.read_at(place.offset + range.start * size_of::<T>(), range.len()) }
    }

    /// Elements of a plain array, to write.
    ///
    /// # Safety
    /// - No process reads or writes them but through this slice while it lives.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "exclusive by the caller's claim, not by a borrow")]
    pub unsafe fn write<T: Pod>(&self, place: Place<T>, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= place.len, "a range beyond its array");
        // SAFETY: the caller's duty; the range is within the place.
        unsafe { self.write_at(place.offset + range.start * size_of::<T>(), range.len()) }
    }

    /// Elements at a byte offset.
    ///
    /// # Safety
    /// - No process writes them while the slice lives.
    #[inline]
    pub unsafe fn read_at<T: Pod>(&self, offset: usize, len: usize) -> &[T] {
        let start = self.at::<T>(offset, len);
        // SAFETY: in range and aligned (`at`); any bytes are a valid `T: Pod`; not written meanwhile: the caller's
        // duty. Lives as long as the mapping.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), len) }
    }

    /// Elements at a byte offset, to write.
    ///
    /// # Safety
    /// - No process reads or writes them but through this slice while it lives.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "exclusive by the caller's claim, not by a borrow")]
    pub unsafe fn write_at<T: Pod>(&self, offset: usize, len: usize) -> &mut [T] {
        let start = self.at::<T>(offset, len);
        // SAFETY: as `read_at`, and exclusive: the caller's duty.
        unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), len) }
    }
}
