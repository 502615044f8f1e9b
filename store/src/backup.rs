//! What a backup holds, read from one consistent state and written into an empty store. The format of what leaves is the
//! crate `backup`'s; here are the tables, and which of their columns are the only copy of something.

pub(crate) mod restore;
pub(crate) mod snapshot;
pub(crate) mod tables;
