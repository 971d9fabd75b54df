#ifndef QUIRE_CSQLITE_SHIM_H
#define QUIRE_CSQLITE_SHIM_H

#include <sqlite3.h>
#include <sys/types.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

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

/* CRC-32C by the processor's own instruction. `crc` is the register: its owner inverts it before and after. The bytes of
   `quire_crc32c_thrice` are three runs of `count` bytes, a multiple of 8, one behind the other. */

#if defined(__x86_64__)

static inline int quire_crc32c_is_available(void) {
    unsigned int a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_2) != 0;
}

__attribute__((target("sse4.2")))
static inline unsigned int quire_crc32c(unsigned int crc, const void *bytes, unsigned long count) {
    const unsigned char *next = (const unsigned char *)bytes;
    unsigned long long value = crc;
    for (; count >= 8; next += 8, count -= 8) {
        unsigned long long word;
        __builtin_memcpy(&word, next, 8);
        value = __builtin_ia32_crc32di(value, word);
    }
    for (; count > 0; next += 1, count -= 1) value = __builtin_ia32_crc32qi((unsigned int)value, *next);
    return (unsigned int)value;
}

/* Three runs of equal length at once: one step waits three cycles for the step before it, but not for other runs. */
__attribute__((target("sse4.2")))
static inline void quire_crc32c_thrice(unsigned int crc[3], const void *bytes, unsigned long count) {
    const unsigned char *next = (const unsigned char *)bytes;
    unsigned long long a = crc[0], b = crc[1], c = crc[2];
    for (unsigned long end = count / 8; end > 0; next += 8, end -= 1) {
        unsigned long long words[3];
        __builtin_memcpy(words, next, 8);
        __builtin_memcpy(words + 1, next + count, 8);
        __builtin_memcpy(words + 2, next + 2 * count, 8);
        a = __builtin_ia32_crc32di(a, words[0]);
        b = __builtin_ia32_crc32di(b, words[1]);
        c = __builtin_ia32_crc32di(c, words[2]);
    }
    crc[0] = (unsigned int)a;
    crc[1] = (unsigned int)b;
    crc[2] = (unsigned int)c;
}

#elif defined(__aarch64__)

static inline int quire_crc32c_is_available(void) {
    return (getauxval(AT_HWCAP) & (1UL << 7)) != 0;
}

__attribute__((target("crc")))
static inline unsigned int quire_crc32c(unsigned int crc, const void *bytes, unsigned long count) {
    const unsigned char *next = (const unsigned char *)bytes;
    for (; count >= 8; next += 8, count -= 8) {
        unsigned long word;
        __builtin_memcpy(&word, next, 8);
        crc = __builtin_arm_crc32cd(crc, word);
    }
    for (; count > 0; next += 1, count -= 1) crc = __builtin_arm_crc32cb(crc, *next);
    return crc;
}

/* Three runs of equal length at once: one step waits three cycles for the step before it, but not for other runs. */
__attribute__((target("crc")))
static inline void quire_crc32c_thrice(unsigned int crc[3], const void *bytes, unsigned long count) {
    const unsigned char *next = (const unsigned char *)bytes;
    unsigned int a = crc[0], b = crc[1], c = crc[2];
    for (unsigned long end = count / 8; end > 0; next += 8, end -= 1) {
        unsigned long words[3];
        __builtin_memcpy(words, next, 8);
        __builtin_memcpy(words + 1, next + count, 8);
        __builtin_memcpy(words + 2, next + 2 * count, 8);
        a = __builtin_arm_crc32cd(a, words[0]);
        b = __builtin_arm_crc32cd(b, words[1]);
        c = __builtin_arm_crc32cd(c, words[2]);
    }
    crc[0] = a;
    crc[1] = b;
    crc[2] = c;
}

#else

static inline int quire_crc32c_is_available(void) {
    return 0;
}

static inline unsigned int quire_crc32c(unsigned int crc, const void *bytes, unsigned long count) {
    (void)bytes;
    (void)count;
    return crc;
}

static inline void quire_crc32c_thrice(unsigned int crc[3], const void *bytes, unsigned long count) {
    (void)crc;
    (void)bytes;
    (void)count;
}

#endif

/* Lets the kernel begin to write a part of a file to disk, without waiting for it. A hint: it has no result. */
#if defined(__linux__)
extern int sync_file_range(int descriptor, off_t offset, off_t count, unsigned int flags);

static inline void quire_begin_writeback(int descriptor, long long offset, long long count) {
    (void)sync_file_range(descriptor, (off_t)offset, (off_t)count, 2 /* SYNC_FILE_RANGE_WRITE */);
}
#else
static inline void quire_begin_writeback(int descriptor, long long offset, long long count) {
    (void)descriptor;
    (void)offset;
    (void)count;
}
#endif

#endif
