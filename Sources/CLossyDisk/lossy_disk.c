#define _GNU_SOURCE
#include "lossy_disk.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
    KIND_WRITE = 1, KIND_TRUNCATE, KIND_CREATE, KIND_RENAME, KIND_REMOVE, KIND_SYNC, KIND_SYNC_DIRECTORY, KIND_SYNC_FAILED
};

enum action { ACTION_OPEN, ACTION_WRITE, ACTION_TRUNCATE, ACTION_SYNC, ACTION_RENAME, ACTION_REMOVE, ACTION_COUNT };

static const char *const action_names[ACTION_COUNT] = {"open", "write", "truncate", "sync", "rename", "remove"};

struct head {
    uint32_t magic, kind;
    uint64_t inode, offset, bytes, size;
    uint32_t path, second, before;
} __attribute__((packed));

struct fault {
    enum action action;
    /// An errno, or one of these.
    int effect;
    long nth;
    int repeats;
    char part[128];
    long seen;
};

enum { EFFECT_NONE = 0, EFFECT_SHORT = -1, EFFECT_LIE = -2 };
enum { DESCRIPTORS = 65536, FAULTS = 16, MAGIC = 0x4A444C51 };

/// What is open below the root; `path` is `NULL` for all others.
static struct { char *path; uint64_t inode; int is_directory; } open_files[DESCRIPTORS];
static struct fault faults[FAULTS];
static int fault_count;
static char root[4096], journal_directory[4096];
static size_t root_length;
static int journal = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_sendfile)(int, int, off_t *, size_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);

static void die(const char *what) {
    // Without its journal the disk would lie to the test.
    fprintf(stderr, "lossy disk: cannot %s: %s\n", what, strerror(errno));
    abort();
}

static void *find(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (!function) { fprintf(stderr, "lossy disk: there is no %s\n", name); abort(); }
    return function;
}

static void parse_fault(char *text) {
    char *rest = text;
    char *action = strsep(&rest, ":"), *effect = strsep(&rest, ":"), *nth = strsep(&rest, ":");
    struct fault *fault = &faults[fault_count];
    int index = 0;
    while (index < ACTION_COUNT && action && strcmp(action, action_names[index])) index++;
    if (index == ACTION_COUNT || !effect || !nth || !rest || fault_count == FAULTS) {
        fprintf(stderr, "lossy disk: this is no fault: %s\n", text);
        abort();
    }
    fault->action = (enum action)index;
    fault->effect = !strcmp(effect, "short") ? EFFECT_SHORT : !strcmp(effect, "lie") ? EFFECT_LIE : atoi(effect);
    fault->nth = atol(nth);
    fault->repeats = strchr(nth, '+') != NULL;
    snprintf(fault->part, sizeof fault->part, "%s", rest);
    fault_count++;
}

__attribute__((constructor)) static void load(void) {
    real_open = find("open");
    real_openat = find("openat");
    real_close = find("close");
    real_write = find("write");
    real_pwrite = find("pwrite");
    real_sendfile = find("sendfile");
    real_ftruncate = find("ftruncate");
    real_fsync = find("fsync");
    real_fdatasync = find("fdatasync");
    real_rename = find("rename");
    real_unlink = find("unlink");
    const char *named_root = getenv("QUIRE_LOSSY_ROOT"), *named_journal = getenv("QUIRE_LOSSY_JOURNAL");
    if (!named_root || !named_journal) return;
    snprintf(root, sizeof root, "%s/", named_root);
    root_length = strlen(root);
    snprintf(journal_directory, sizeof journal_directory, "%s", named_journal);
    char path[4200];
    snprintf(path, sizeof path, "%s/journal", journal_directory);
    int opened = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (opened < 0) die("open its journal");
    // Out of the way of those who count their descriptors.
    journal = fcntl(opened, F_DUPFD_CLOEXEC, 1000);
    if (journal < 0) journal = opened; else real_close(opened);
    const char *named_faults = getenv("QUIRE_LOSSY_FAULTS");
    if (!named_faults || !*named_faults) return;
    char *texts = strdup(named_faults), *rest = texts, *text;
    while ((text = strsep(&rest, ","))) parse_fault(text);
    free(texts);
}

// Everything below is called with the lock held, if something is watched at all.

static int is_watched(const char *path) {
    if (journal < 0 || !path) return 0;
    // The root itself is opened to be synced.
    return !strncmp(path, root, root_length) || (!strncmp(path, root, root_length - 1) && !path[root_length - 1]);
}

static int is_open(int descriptor) {
    return journal >= 0 && descriptor >= 0 && descriptor < DESCRIPTORS && open_files[descriptor].path;
}

static void note(enum kind kind, struct head head, const char *path, const char *second, const void *before) {
    head.magic = MAGIC;
    head.kind = kind;
    head.path = path ? strlen(path) : 0;
    head.second = second ? strlen(second) : 0;
    struct iovec parts[] = {
        {&head, sizeof head}, {(void *)path, head.path}, {(void *)second, head.second}, {(void *)before, head.before},
    };
    ssize_t wanted = sizeof head + head.path + head.second + head.before;
    if (writev(journal, parts, 4) != wanted) die("write its journal");
}

/// Gives a file a name in the journal's directory, so that its content outlives its names.
static void keep(const char *path, uint64_t inode) {
    char name[4200];
    snprintf(name, sizeof name, "%s/%llu", journal_directory, (unsigned long long)inode);
    if (link(path, name) != 0 && errno != EEXIST) die("keep a file");
}

/// What happens to the next action of this kind on this path: an errno, an effect, or `EFFECT_NONE`.
static int effect(enum action action, const char *path) {
    for (int index = 0; index < fault_count; index++) {
        struct fault *fault = &faults[index];
        if (fault->action != action || !strstr(path, fault->part)) continue;
        fault->seen++;
        if (fault->seen == fault->nth || (fault->repeats && fault->seen > fault->nth)) return fault->effect;
    }
    return EFFECT_NONE;
}

static off_t size_of(int descriptor) {
    struct stat status;
    if (fstat(descriptor, &status) != 0) die("look at a file");
    return status.st_size;
}

/// Notes how a range of a file is taken back.
static void note_range(int descriptor, enum kind kind, off_t offset, size_t bytes, off_t from, size_t kept) {
    off_t size = size_of(descriptor);
    size_t count = from >= size ? 0 : (size_t)(size - from) < kept ? (size_t)(size - from) : kept;
    void *before = count ? malloc(count) : NULL;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    // Closing another descriptor of a database would give up its locks.
    int is_readable = (fcntl(descriptor, F_GETFL) & O_ACCMODE) == O_RDWR;
    int reader = is_readable || !count ? descriptor : real_open(path, O_RDONLY | O_CLOEXEC);
    size_t filled = 0;
    while (filled < count) {
        ssize_t got = pread(reader, (char *)before + filled, count - filled, from + filled);
        if (got <= 0) die("read what is overwritten");
        filled += got;
    }
    if (reader != descriptor) real_close(reader);
    struct head head = {
        .inode = open_files[descriptor].inode, .offset = offset, .bytes = bytes, .size = size, .before = count,
    };
    note(kind, head, open_files[descriptor].path, NULL, before);
    free(before);
}

static int fail(int number) {
    errno = number;
    return -1;
}

static void opened(int descriptor, const char *path, int flags, int is_new) {
    if (descriptor >= DESCRIPTORS) { fprintf(stderr, "lossy disk: too many descriptors\n"); abort(); }
    struct stat status;
    if (fstat(descriptor, &status) != 0) die("look at a file");
    if (S_ISREG(status.st_mode) && (flags & O_ACCMODE) != O_RDONLY) keep(path, status.st_ino);
    if (is_new) note(KIND_CREATE, (struct head){.inode = status.st_ino}, path, NULL, NULL);
    free(open_files[descriptor].path);
    open_files[descriptor].path = strdup(path);
    open_files[descriptor].inode = status.st_ino;
    open_files[descriptor].is_directory = S_ISDIR(status.st_mode);
}

static int open_watched(const char *path, int flags, mode_t mode) {
    int number = effect(ACTION_OPEN, path);
    if (number > 0) return fail(number);
    struct stat status;
    int is_new = stat(path, &status) != 0;
    // Not emptied before it is known what was in it.
    int descriptor = real_open(path, flags & ~O_TRUNC, mode);
    if (descriptor < 0) return descriptor;
    opened(descriptor, path, flags, is_new);
    if ((flags & O_TRUNC) && !is_new && size_of(descriptor) > 0) {
        note_range(descriptor, KIND_TRUNCATE, 0, 0, 0, SIZE_MAX);
        if (real_ftruncate(descriptor, 0) != 0) die("empty a file");
    }
    return descriptor;
}

static int open_any(const char *path, int flags, mode_t mode) {
    if (!is_watched(path)) return real_open(path, flags, mode);
    pthread_mutex_lock(&lock);
    int descriptor = open_watched(path, flags, mode);
    int number = errno;
    pthread_mutex_unlock(&lock);
    errno = number;
    return descriptor;
}

// MARK: In place of the C library's

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *path, int flags, ...) {
    MODE(flags)
    return open_any(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE(flags)
    return open_any(path, flags | O_LARGEFILE, mode);
}

int openat(int directory, const char *path, int flags, ...) {
    MODE(flags)
    if (is_watched(path)) return open_any(path, flags, mode);
    return real_openat(directory, path, flags, mode);
}

int close(int descriptor) {
    if (is_open(descriptor)) {
        pthread_mutex_lock(&lock);
        free(open_files[descriptor].path);
        open_files[descriptor].path = NULL;
        // Within the lock: the number may be given away again at once.
        int result = real_close(descriptor);
        pthread_mutex_unlock(&lock);
        return result;
    }
    return real_close(descriptor);
}

static ssize_t write_at(int descriptor, const void *bytes, size_t count, off_t offset, int is_positioned) {
    pthread_mutex_lock(&lock);
    int number = effect(ACTION_WRITE, open_files[descriptor].path);
    ssize_t result = -1;
    if (number > 0) {
        errno = number;
    } else {
        if (number == EFFECT_SHORT && count > 1) count /= 2;
        off_t from = offset;
        if (!is_positioned) {
            int is_appending = fcntl(descriptor, F_GETFL) & O_APPEND;
            from = is_appending ? size_of(descriptor) : lseek(descriptor, 0, SEEK_CUR);
        }
        note_range(descriptor, KIND_WRITE, from, count, from, count);
        result = is_positioned ? real_pwrite(descriptor, bytes, count, offset) : real_write(descriptor, bytes, count);
    }
    number = errno;
    pthread_mutex_unlock(&lock);
    errno = number;
    return result;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    return is_open(descriptor) ? write_at(descriptor, bytes, count, 0, 0) : real_write(descriptor, bytes, count);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    if (is_open(descriptor)) return write_at(descriptor, bytes, count, offset, 1);
    return real_pwrite(descriptor, bytes, count, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off_t offset) {
    return pwrite(descriptor, bytes, count, offset);
}

ssize_t sendfile(int target, int source, off_t *offset, size_t count) {
    if (!is_open(target)) return real_sendfile(target, source, offset, count);
    pthread_mutex_lock(&lock);
    off_t from = lseek(target, 0, SEEK_CUR);
    note_range(target, KIND_WRITE, from, count, from, count);
    ssize_t result = real_sendfile(target, source, offset, count);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t sendfile64(int target, int source, off_t *offset, size_t count) {
    return sendfile(target, source, offset, count);
}

int ftruncate(int descriptor, off_t size) {
    if (!is_open(descriptor)) return real_ftruncate(descriptor, size);
    pthread_mutex_lock(&lock);
    int number = effect(ACTION_TRUNCATE, open_files[descriptor].path);
    int result = -1;
    if (number <= 0) {
        note_range(descriptor, KIND_TRUNCATE, size, 0, size, SIZE_MAX);
        result = real_ftruncate(descriptor, size);
        number = errno;
    }
    pthread_mutex_unlock(&lock);
    errno = number;
    return result;
}

int ftruncate64(int descriptor, off_t size) { return ftruncate(descriptor, size); }

static int sync_any(int descriptor, int (*real)(int)) {
    if (!is_open(descriptor)) return real(descriptor);
    pthread_mutex_lock(&lock);
    int number = effect(ACTION_SYNC, open_files[descriptor].path);
    struct head head = {.inode = open_files[descriptor].inode};
    if (number != EFFECT_LIE) {
        enum kind kind = open_files[descriptor].is_directory ? KIND_SYNC_DIRECTORY : KIND_SYNC;
        if (number > 0) kind = KIND_SYNC_FAILED;
        note(kind, head, open_files[descriptor].path, NULL, NULL);
    }
    pthread_mutex_unlock(&lock);
    return number > 0 ? fail(number) : 0;
}

int fsync(int descriptor) { return sync_any(descriptor, real_fsync); }

int fdatasync(int descriptor) { return sync_any(descriptor, real_fdatasync); }

int rename(const char *path, const char *target) {
    if (!is_watched(path) || !is_watched(target)) return real_rename(path, target);
    pthread_mutex_lock(&lock);
    int number = effect(ACTION_RENAME, path), result = -1;
    struct stat status, replaced;
    if (number <= 0 && stat(path, &status) != 0) number = errno;
    if (number <= 0) {
        int replaces = stat(target, &replaced) == 0;
        keep(path, status.st_ino);
        if (replaces) keep(target, replaced.st_ino);
        struct head head = {.inode = status.st_ino, .size = replaces ? replaced.st_ino : 0};
        note(KIND_RENAME, head, path, target, NULL);
        result = real_rename(path, target);
        number = errno;
    }
    pthread_mutex_unlock(&lock);
    errno = number;
    return result;
}

int unlink(const char *path) {
    if (!is_watched(path)) return real_unlink(path);
    pthread_mutex_lock(&lock);
    int number = effect(ACTION_REMOVE, path), result = -1;
    struct stat status;
    if (number <= 0 && stat(path, &status) != 0) number = errno;
    if (number <= 0) {
        keep(path, status.st_ino);
        note(KIND_REMOVE, (struct head){.inode = status.st_ino}, path, NULL, NULL);
        result = real_unlink(path);
        number = errno;
    }
    pthread_mutex_unlock(&lock);
    errno = number;
    return result;
}
