//! A state as the bytes of a file.

use std::borrow::Cow;
use std::hash::Hasher;

use rayon::prelude::*;
use twox_hash::XxHash3_64;

use super::{
    ALIGN, BLOCK, DescribedColumn, DescribedGroup, DescribedSignal, Description, HEAD_BYTES, Head, MAGIC, Run, Stretch,
    VERSION, aligned,
};
use crate::still::Still;

/// The bytes of a checkpoint, but for its checksums: pieces that follow each other, padded with zeros to [`ALIGN`].
#[derive(Debug)]
pub struct Image<'s> {
    head: Head,
    pieces: Vec<Cow<'s, [u8]>>,
}

impl<'s> Image<'s> {
    /// Of a state, and the run that it is of.
    pub fn new(state: &Still<'s>, engine: &str, run: &Run) -> Self {
        let (program, frame) = (state.program, state.tick.frames_done());
        let code = program.to_bytes();
        let mut pieces: Vec<Cow<'s, [u8]>> = state.columns.values().map(|bytes| Cow::Borrowed(*bytes)).collect();
        let signals = pieces.len();
        // A few hundred words: copied, so that they are little-endian everywhere.
        let words = |of: &[u64]| of.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        pieces.push(words(state.signals).into());
        pieces.push(words(state.before).into());
        let balances = state.balances.values().flat_map(|it| [it.before, it.ends, it.births]);
        pieces.push(balances.flat_map(u32::to_le_bytes).collect::<Vec<u8>>().into());
        let mut description = Description {
            scenario: program.scenario.clone(),
            engine: engine.into(),
            frame,
            time: program.time(frame),
            program_hash: format!("{:032x}", program.hash()),
            seed: program.seed,
            params: program.params.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
            groups: (program.groups.iter())
                .map(|(id, group)| DescribedGroup {
                    name: group.name.clone(),
                    rows: state.rows[id],
                    room: group.rows,
                    cells: group.raster.iter().flat_map(|it| &it.extents[..it.axes.into()]).copied().collect(),
                })
                .collect(),
            columns: (program.columns.iter())
                .map(|(id, column)| DescribedColumn {
                    name: column.name(),
                    group: program.groups[column.group].name.clone(),
                    dtype: column.scalar.dtype().to_string(),
                    offset: 0,
                    rows: (state.columns[id].len() / column.scalar.size()) as u32,
                })
                .collect(),
            // A value is the low end of a word.
            signals: (program.signals.values())
                .map(|signal| DescribedSignal {
                    name: signal.name.clone(),
                    dtype: signal.ty.scalar.dtype().to_string(),
                    offset: 0,
                })
                .collect(),
            before: 0,
            balances: 0,
            run: run.clone(),
        };
        // Where things stand follows from how long the description is, and that from where they stand: digits are padded
        // for.
        let numbers = description.columns.len() + description.signals.len() + 2;
        let text = serde_json::to_vec(&description).unwrap_or_default();
        let room = text.len() + 20 * numbers;
        let text_at = Stretch { offset: HEAD_BYTES as u64, bytes: room as u64 };
        let code_at = Stretch { offset: aligned(HEAD_BYTES + room) as u64, bytes: code.len() as u64 };
        let mut end = aligned(code_at.offset as usize + code.len());
        let mut starts = Vec::with_capacity(pieces.len());
        for piece in &pieces {
            starts.push(end as u64);
            end = aligned(end + piece.len());
        }
        for (column, start) in description.columns.iter_mut().zip(&starts) {
            column.offset = *start;
        }
        for (signal, place) in description.signals.iter_mut().zip(0..) {
            signal.offset = starts[signals] + 8 * place;
        }
        (description.before, description.balances) = (starts[signals + 1], starts[signals + 2]);
        let mut text = serde_json::to_vec(&description).unwrap_or_default();
        // JSON may end in blanks.
        text.resize(room, b' ');
        pieces.splice(0..0, [Cow::Owned(text), Cow::Owned(code)]);
        let sums = (end - HEAD_BYTES).div_ceil(BLOCK) * size_of::<u64>();
        let head = Head {
            magic: MAGIC,
            version: VERSION,
            block: BLOCK as u32,
            bytes: (end + sums) as u64,
            description: text_at,
            program: code_at,
            sums: Stretch { offset: end as u64, bytes: sums as u64 },
            sum_of_sums: 0,
            sum: 0,
        };
        Self { head, pieces }
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.head.bytes
    }

    /// How many pieces there are.
    pub fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// A piece, without its padding. They stand one behind the other from [`HEAD_BYTES`] on.
    pub fn piece(&self, number: usize) -> &[u8] {
        &self.pieces[number]
    }

    /// Bytes that are not its own, from a piece on.
    pub fn borrowed(&self, from: usize) -> usize {
        let borrowed = |piece: &Cow<'_, [u8]>| if let Cow::Borrowed(bytes) = piece { bytes.len() } else { 0 };
        self.pieces[from..].iter().map(borrowed).sum()
    }

    /// The same, with bytes of its own from a piece on; those before it are empty. Gives itself back where there is no
    /// memory for them.
    pub fn own(self, from: usize) -> Result<Image<'static>, Self> {
        let mut copies: Vec<Vec<u8>> = vec![Vec::new(); self.pieces.len()];
        for (copy, piece) in copies.iter_mut().zip(&self.pieces).skip(from) {
            if matches!(piece, Cow::Borrowed(_)) && copy.try_reserve_exact(piece.len()).is_err() {
                return Err(self);
            }
        }
        let own = self.pieces.into_iter().zip(copies).enumerate().map(|(number, (piece, mut copy))| match piece {
            Cow::Owned(bytes) => bytes,
            Cow::Borrowed(bytes) => {
                if number >= from {
                    copy.par_extend(bytes.par_iter().with_min_len(BLOCK));
                }
                copy
            }
        });
        Ok(Image { head: self.head, pieces: own.map(Cow::Owned).collect() })
    }

    /// The head, without checksums.
    pub fn head(&self) -> Head {
        self.head
    }
}

impl Head {
    /// The page that it stands on.
    pub(super) fn page(&self) -> [u8; HEAD_BYTES] {
        let mut page = [0; HEAD_BYTES];
        page[..size_of::<Head>()].copy_from_slice(bytemuck::bytes_of(self));
        page
    }

    /// The checksum of the page.
    pub(super) fn checksum(&self) -> u64 {
        XxHash3_64::oneshot(&Head { sum: 0, ..*self }.page())
    }
}

/// What is written when all pieces are.
#[derive(Debug)]
pub struct Sealed {
    /// The first [`HEAD_BYTES`].
    pub head: [u8; HEAD_BYTES],
    /// The checksums, behind the last piece.
    pub sums: Vec<u8>,
}

/// The checksums of blocks, as their bytes come.
#[derive(Default)]
pub struct Sums {
    done: Vec<u64>,
    block: XxHash3_64,
    filled: usize,
}

impl std::fmt::Debug for Sums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sums({} blocks, {} bytes)", self.done.len(), self.filled)
    }
}

impl Sums {
    /// Takes in the next bytes.
    pub fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.filled));
            self.block.write(now);
            self.filled += now.len();
            bytes = later;
            if self.filled == BLOCK {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        self.done.push(self.block.finish());
        self.block = XxHash3_64::new();
        self.filled = 0;
    }

    /// What is to be written when all pieces are.
    pub fn seal(mut self, head: Head) -> Sealed {
        if self.filled > 0 {
            self.close();
        }
        let table: Vec<u8> = self.done.into_iter().flat_map(u64::to_le_bytes).collect();
        let mut head = Head { sum_of_sums: XxHash3_64::oneshot(&table), ..head };
        head.sum = head.checksum();
        Sealed { head: head.page(), sums: table }
    }

    /// Takes in what stands behind a piece of so many bytes, and says what that is.
    pub fn add_padding(&mut self, piece: usize) -> &'static [u8] {
        let padding = &[0; ALIGN][..aligned(piece) - piece];
        self.add(padding);
        padding
    }
}

const _: () = assert!(size_of::<Head>() <= HEAD_BYTES);
