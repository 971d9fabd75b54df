#ifndef QUIRE_CSQLITE_SHIM_H
#define QUIRE_CSQLITE_SHIM_H

#include <sqlite3.h>

/* Variadic functions and pointer-valued macros do not import into Swift; these wrappers do. */

static inline int quire_sqlite_configure_multithread(void) {
    return sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
}

static inline int quire_sqlite_configure_page_cache(void) {
    return sqlite3_config(SQLITE_CONFIG_PAGECACHE, (void *)0, 0, 0);
}

static inline int quire_sqlite_set_db_flag(sqlite3 *database, int flag, int enabled) {
    return sqlite3_db_config(database, flag, enabled, (int *)0);
}

/* The main database file as SQLite itself opened it: reading through it keeps POSIX locks intact. */
static inline sqlite3_file *quire_sqlite_main_file(sqlite3 *database) {
    sqlite3_file *file = (sqlite3_file *)0;
    if (sqlite3_file_control(database, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK) {
        return (sqlite3_file *)0;
    }
    return file;
}

static inline int quire_sqlite_file_read(sqlite3_file *file, void *buffer, int count, sqlite3_int64 offset) {
    return file->pMethods->xRead(file, buffer, count, offset);
}

static inline int quire_sqlite_file_size(sqlite3_file *file, sqlite3_int64 *size) {
    return file->pMethods->xFileSize(file, size);
}

static inline sqlite3_destructor_type quire_sqlite_transient(void) {
    return SQLITE_TRANSIENT;
}

static inline sqlite3_destructor_type quire_sqlite_static(void) {
    return SQLITE_STATIC;
}

#endif
