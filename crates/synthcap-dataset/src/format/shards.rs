//! Files that hold a fixed range of samples each.

use std::num::NonZeroU64;

use crate::{Result, ShardFile, Staging};

/// Samples in a file, unless said otherwise: what a crash may cost at the most.
pub(crate) const SAMPLES_PER_FILE: NonZeroU64 = const { NonZeroU64::new(100).expect("not zero") };

/// Which file a sample is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shards {
    pub(crate) prefix: &'static str,
    pub(crate) extension: &'static str,
    pub(crate) samples_per_file: NonZeroU64,
}

impl Shards {
    /// The path of the file with a sample.
    pub(crate) fn path(&self, index: u64) -> String {
        let number = index / self.samples_per_file;
        format!("{}-{number:06}.{}", self.prefix, self.extension)
    }

    /// The path with a star for the number.
    pub(crate) fn pattern(&self) -> String {
        format!("{}-*.{}", self.prefix, self.extension)
    }
}

/// The file that is being filled.
#[derive(Debug, Default)]
pub(crate) struct OpenShard {
    open: Option<(String, ShardFile)>,
}

impl OpenShard {
    /// Whether a path is that of the open file.
    pub(crate) fn is(&self, path: &str) -> bool {
        self.open.as_ref().is_some_and(|(open, _)| open == path)
    }

    /// The open file.
    pub(crate) fn file(&mut self) -> Option<&mut ShardFile> {
        self.open.as_mut().map(|(_, file)| file)
    }

    /// Begins the file of this path. The one before must be closed.
    pub(crate) fn begin(&mut self, path: &str, output: &mut Staging) -> Result<()> {
        self.open = Some((path.to_owned(), output.shard(path)?));
        Ok(())
    }

    /// Puts the open file under its name; one without entries is thrown away.
    pub(crate) fn close(&mut self) -> Result<()> {
        let Some((_, mut file)) = self.open.take() else {
            return Ok(());
        };
        if file.entries().len_bytes() == 0 {
            file.discard();
            return Ok(());
        }
        file.finish()
    }
}
