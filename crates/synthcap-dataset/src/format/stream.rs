//! Indices of a whole set, written piece by piece: they may be larger than memory.

use serde::Serialize;

use crate::{AppendFile, Error, Result, ShardFile, Staging};

/// Bytes that are gathered before they go to the file.
const PIECE: usize = 1 << 20;

/// A file in the making. It stands under its name once it is whole.
pub(crate) struct Stream {
    file: ShardFile,
    piece: Vec<u8>,
}

impl Stream {
    pub(crate) fn create(path: &str, output: &mut Staging) -> Result<Self> {
        Ok(Self {
            file: output.shard(path)?,
            piece: Vec::with_capacity(PIECE + PIECE / 8),
        })
    }

    pub(crate) fn text(&mut self, text: &str) -> Result<()> {
        self.piece.extend_from_slice(text.as_bytes());
        self.drain(PIECE)
    }

    /// A value as JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.piece, value).map_err(|e| Error::internal("index", &e))?;
        self.drain(PIECE)
    }

    pub(crate) fn finish(mut self) -> Result<()> {
        self.drain(0)?;
        self.file.finish()
    }

    fn drain(&mut self, limit: usize) -> Result<()> {
        if self.piece.len() > limit {
            let file: &mut AppendFile = self.file.entries();
            file.append(&self.piece)?;
            self.piece.clear();
        }
        Ok(())
    }
}

/// A JSON list or object in a stream: puts the commas.
pub(crate) struct Items {
    first: bool,
}

impl Items {
    pub(crate) fn new() -> Self {
        Self { first: true }
    }

    /// The text before the next item: each stands on a line of its own.
    pub(crate) fn next(&mut self) -> &'static str {
        match std::mem::replace(&mut self.first, false) {
            true => "\n",
            false => ",\n",
        }
    }
}
