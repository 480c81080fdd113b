/* A disk that fails when a test says so: preloaded, it stands before the calls that change files of
 * a spool and answers some of them with an error. What to do is in the file named by
 * TEST_DISK_FILE, eight int64, in this order. All other files, and a program without that file, are
 * left alone.
 *
 * A sync that fails behaves as on Linux: what was not synced before is lost (here: zeroed), and a
 * later sync of the same descriptor succeeds without bringing it back. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SYNC = 1, WRITE = 2, SHORT = 3, ALL = 4 };
enum { DESCRIPTORS = 4096 };

struct control {
    int64_t kind;   /* which calls fail */
    int64_t error;  /* with which errno */
    int64_t nth;    /* the first to fail, counted from now; 0: none */
    int64_t times;  /* how many fail from there on */
    int64_t failed; /* how many failed so far */
    int64_t synced; /* good syncs of a log so far */
    int64_t reused; /* good syncs and writes of a descriptor whose sync had failed */
    int64_t left;   /* how many of `times` are left */
};

static struct control *control;
static volatile char lost[DESCRIPTORS], half[DESCRIPTORS];
/* Bytes of a file that were written with write() and synced, by its inode. What pwrite() puts behind
 * them is room made ahead, zeros, and no part of it. */
static volatile off_t kept[DESCRIPTORS];

__attribute__((constructor)) static void open_control(void)
{
    const char *path = getenv("TEST_DISK_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map;
    if (fd < 0)
        return;
    map = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (map != MAP_FAILED)
        control = map;
}

static int64_t get(int64_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static int64_t add(int64_t *word, int64_t n) { return __atomic_add_fetch(word, n, __ATOMIC_SEQ_CST); }

/* A file or directory of a spool, or neither. */
static int is_ours(const char *path)
{
    size_t len = strlen(path);
    return strstr(path, "/spool/") || (len > 6 && strcmp(path + len - 6, "/spool") == 0);
}

/* 0: not of a spool; 1: of a spool; 2: a log. */
static int what(int fd)
{
    char name[40], path[4096];
    ssize_t len;
    if (!control || fd < 0 || fd >= DESCRIPTORS)
        return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    len = readlink(name, path, sizeof path - 1);
    if (len <= 0)
        return 0;
    path[len] = 0;
    return is_ours(path) ? 1 + (strstr(path, "/active-") != NULL) : 0;
}

/* Whether this call of that kind is one to fail. */
static int is_due(int kind)
{
    int64_t set = get(&control->kind);
    if (set != kind && set != ALL && !(set == SHORT && kind == WRITE))
        return 0;
    if (get(&control->nth) > 0 && add(&control->nth, -1) == 0)
        __atomic_store_n(&control->left, get(&control->times), __ATOMIC_SEQ_CST);
    if (get(&control->left) <= 0)
        return 0;
    add(&control->left, -1);
    return 1;
}

static int fail(void)
{
    add(&control->failed, 1);
    errno = (int)get(&control->error);
    return -1;
}

static int sync_with(long call, int fd)
{
    static const char nothing[65536];
    struct stat stat;
    int ours = what(fd), known;
    off_t written;
    long done;
    if (!ours)
        return (int)syscall(call, fd);
    known = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode);
    /* Only write() moves it; a descriptor at the start wrote nothing and keeps nothing more. */
    written = known ? lseek(fd, 0, SEEK_CUR) : 0;
    if (is_due(SYNC)) {
        for (off_t at = kept[stat.st_ino % DESCRIPTORS]; known && at < stat.st_size; at += sizeof nothing) {
            off_t rest = stat.st_size - at;
            size_t now = rest < (off_t)sizeof nothing ? (size_t)rest : sizeof nothing;
            syscall(SYS_pwrite64, fd, nothing, now, at);
        }
        lost[fd] = 1;
        return fail();
    }
    done = syscall(call, fd);
    if (done == 0) {
        if (lost[fd])
            add(&control->reused, 1);
        if (written > 0)
            kept[stat.st_ino % DESCRIPTORS] = written;
        if (ours == 2)
            add(&control->synced, 1);
    }
    return (int)done;
}

int fdatasync(int fd) { return sync_with(SYS_fdatasync, fd); }
int fsync(int fd) { return sync_with(SYS_fsync, fd); }

/* Writes at `at`, or where the descriptor stands if that is negative. */
static ssize_t put(int fd, const void *bytes, size_t len, off64_t at)
{
    int64_t kind = control ? get(&control->kind) : 0;
    if (fd >= 0 && fd < DESCRIPTORS && (kind >= WRITE || lost[fd]) && what(fd)) {
        if (kind >= WRITE && is_due(WRITE)) {
            if (kind != SHORT || len < 2 || half[fd])
                return fail();
            /* A disk that becomes full takes a part first. */
            half[fd] = 1;
            add(&control->left, 1);
            len /= 2;
        }
        if (lost[fd])
            add(&control->reused, 1);
    }
    return at < 0 ? syscall(SYS_write, fd, bytes, len) : syscall(SYS_pwrite64, fd, bytes, len, at);
}

ssize_t write(int fd, const void *bytes, size_t len) { return put(fd, bytes, len, -1); }
ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at) { return put(fd, bytes, len, at); }
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) { return put(fd, bytes, len, at); }

int ftruncate64(int fd, off64_t len)
{
    if (control && get(&control->kind) == ALL && what(fd) && is_due(ALL))
        return fail();
    return (int)syscall(SYS_ftruncate, fd, len);
}

int rename(const char *from, const char *to)
{
    if (control && get(&control->kind) == ALL && is_ours(to) && is_due(ALL))
        return fail();
    return (int)syscall(SYS_rename, from, to);
}

int unlink(const char *path)
{
    struct stat stat;
    if (control && is_ours(path)) {
        if (get(&control->kind) == ALL && is_due(ALL))
            return fail();
        /* The number may soon be that of another file. */
        if (lstat(path, &stat) == 0)
            kept[stat.st_ino % DESCRIPTORS] = 0;
    }
    return (int)syscall(SYS_unlink, path);
}

int close(int fd)
{
    if (fd >= 0 && fd < DESCRIPTORS)
        lost[fd] = half[fd] = 0;
    return (int)syscall(SYS_close, fd);
}
