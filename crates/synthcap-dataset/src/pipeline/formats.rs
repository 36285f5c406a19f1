//! The formats of one capture.

use std::fmt;

use synthcap::ModalitySet;

use crate::{Error, ErrorKind, Plan, Result, Writer, writer};

/// The formats of one capture: a single one, whose set is the output folder itself,
/// or several, each in a folder of its name inside it.
pub struct Formats(Vec<Box<dyn Writer>>);

impl<W: Writer + 'static> From<Box<W>> for Formats {
    fn from(writer: Box<W>) -> Self {
        Self(vec![writer])
    }
}

impl From<Box<dyn Writer>> for Formats {
    fn from(writer: Box<dyn Writer>) -> Self {
        Self(vec![writer])
    }
}

impl From<Vec<Box<dyn Writer>>> for Formats {
    fn from(writers: Vec<Box<dyn Writer>>) -> Self {
        Self(writers)
    }
}

impl Formats {
    /// Their names, in the order given.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|writer| writer.format())
    }

    /// The images that all of them can carry.
    pub fn modalities(&self) -> ModalitySet {
        let all = ModalitySet::ALL.iter();
        all.filter(|m| self.0.iter().all(|w| w.modalities().contains(*m)))
            .collect()
    }

    /// Where the set can be divided: at the multiples of this index the files of
    /// every format end.
    ///
    /// ```
    /// use synthcap_dataset::{Formats, Frames};
    ///
    /// // A file for each image.
    /// assert_eq!(Formats::from(Box::new(Frames::new())).samples_per_file(), 1);
    /// ```
    pub fn samples_per_file(&self) -> u64 {
        let counts = self.0.iter().map(|writer| writer.samples_per_file().get());
        counts.fold(1, |a, b| a / gcd(a, b) * b)
    }

    /// Whether they are sound together and can carry a set.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidPlan`] when there is none or one twice;
    /// [`ErrorKind::Unsupported`] when one cannot carry the set.
    pub fn check(&self, plan: &Plan) -> Result<()> {
        if self.0.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidPlan,
                "there is no format",
                "name at least one",
            ));
        }
        let names: Vec<_> = self.names().collect();
        if let Some((_, name)) = (names.iter().enumerate()).find(|(i, n)| names[..*i].contains(n)) {
            return Err(Error::new(
                ErrorKind::InvalidPlan,
                format!("the format {name} is named twice"),
                "name each format once",
            ));
        }
        self.0.iter().try_for_each(|w| writer::check(&**w, plan))
    }

    /// Each with its folder.
    pub(super) fn into_folders(self) -> impl Iterator<Item = (String, Box<dyn Writer>)> {
        let several = self.0.len() > 1;
        self.0.into_iter().map(move |writer| match several {
            true => (writer.format().to_owned(), writer),
            false => (String::new(), writer),
        })
    }
}

impl fmt::Debug for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
