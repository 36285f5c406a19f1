//! Where a run begins: at the beginning, or where an interrupted one ended.

use std::{collections::BTreeMap, path::Path};

use super::Options;
use crate::{
    Result, Staging,
    journal::{Header, Journal, Past},
    staging::PARTIAL,
};

/// Where a run begins.
#[derive(Debug)]
pub(super) struct Resumed {
    pub(super) next: u64,
    /// Bytes of the records of each format that are there; `None` at the beginning.
    pub(super) records: Option<Vec<u64>>,
    pub(super) journal: Option<Journal>,
    pub(super) classes: BTreeMap<u32, String>,
}

/// What the journal in an output folder says, if it is that of the same job.
///
/// # Errors
///
/// [`ErrorKind::OtherJob`](crate::ErrorKind::OtherJob) when it is not.
pub(super) fn past(root: &Path, header: &Header) -> Result<Option<Past>> {
    let past = Past::read(&root.join(PARTIAL))?;
    if let Some(past) = &past {
        header.check_same(root, &past.header)?;
    }
    Ok(past)
}

/// Makes the staging folder ready.
pub(super) fn begin(
    staging: &mut Staging,
    folders: &[String],
    header: Option<&Header>,
    past: Option<Past>,
    options: &Options,
) -> Result<Resumed> {
    let (Some(header), Some(journaled)) = (header, &options.journal) else {
        return Ok(Resumed {
            next: 0,
            records: None,
            journal: None,
            classes: BTreeMap::new(),
        });
    };
    staging.keep_journal()?;
    let Some(past) = past else {
        return Ok(Resumed {
            next: header.range.start,
            records: None,
            journal: Some(Journal::create(staging.partial(), header, journaled.pace)?),
            classes: BTreeMap::new(),
        });
    };
    let mark = past.last();
    let classes = staging.cut_back(folders, header.range.start, &mark)?;
    Ok(Resumed {
        next: mark.next,
        journal: Some(Journal::reopen(staging.partial(), &past, journaled.pace)?),
        records: Some(mark.records),
        classes,
    })
}
