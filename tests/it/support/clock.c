/* A clock that a test sets: preloaded, it answers wall time from the file named by TEST_CLOCK_FILE,
 * which holds one int64, nanoseconds since 1970; 0 or no file means the real time. The time stands
 * still until the test writes another. Monotonic clocks stay as they are.
 *
 * A second int64 n that is not 0 breaks the n-th answer from now, once: it is no time at all, which
 * whoever asked must not survive as if nothing had happened. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *moment;
static int64_t *broken;

__attribute__((constructor)) static void open_clock(void)
{
    const char *path = getenv("TEST_CLOCK_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map;
    if (fd < 0)
        return;
    map = mmap(NULL, 2 * sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED) {
        moment = map;
        broken = (int64_t *)map + 1;
    }
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int64_t set = moment ? *moment : 0;
    if (broken && clock == CLOCK_REALTIME && *(volatile int64_t *)broken > 0 &&
        __atomic_sub_fetch(broken, 1, __ATOMIC_RELAXED) == 0) {
        out->tv_sec = 0;
        out->tv_nsec = -1;
        return 0;
    }
    if (set == 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
        return (int)syscall(SYS_clock_gettime, clock, out);
    out->tv_sec = set / 1000000000;
    out->tv_nsec = set % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
