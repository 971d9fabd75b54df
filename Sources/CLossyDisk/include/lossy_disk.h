/// A disk that forgets what was not synced, for tests: a library to be preloaded (`LD_PRELOAD`) into a process.
///
/// It stands between the process and the C library, for files below one directory, and writes down before every change
/// how it is taken back. When the process has been killed, whoever holds the journal takes back what was not synced:
/// that is what a loss of power may leave (SAFETY rules 6, 17). Syncs themselves are not passed on: only the journal
/// knows of them, so thousands of losses cost no disk time.
///
/// Environment:
///
/// ```
/// QUIRE_LOSSY_ROOT     the directory, absolute, without links; without it the library does nothing
/// QUIRE_LOSSY_JOURNAL  an empty directory on the same file system: `journal`, and a second name of every file
///                      that was opened for writing, renamed or removed, named by its inode
/// QUIRE_LOSSY_FAULTS   what goes wrong, separated by commas: ACTION:EFFECT:NTH[+]:PART
///                        ACTION  open, write, truncate, sync, rename, remove
///                        EFFECT  an errno as a number; `short`: half is written; `lie`: succeeds, syncs nothing
///                        NTH     the how manyeth such action, from 1, on a path that contains PART; with `+` and
///                                all that follow
/// ```
///
/// A sync that fails marks what was written as clean, as Linux does: no later sync makes it durable.
///
/// The journal is a sequence of records, integers in the byte order of the machine:
///
/// ```
/// offset  size  field
///      0     4  magic, 0x4A444C51
///      4     4  kind: 1 write, 2 truncate, 3 create, 4 rename, 5 remove, 6 sync of a file, 7 sync of a directory,
///               8 failed sync of a file
///      8     8  inode
///     16     8  write: offset; truncate: the new size
///     24     8  write: bytes
///     32     8  write, truncate: the size before; rename: the inode that had the new name, or 0
///     40     4  a: bytes of the path
///     44     4  b: bytes of the second path (rename: the new name)
///     48     4  n: bytes of what was there before
///     52     a  path
///            b  second path
///            n  write: from `offset` on; truncate: from the new size on
/// ```
///
/// A record that ends early is the last one, and what it announces did not happen.
