/* Preloaded: shifts what this process, and all it starts, takes for the time of day, as a set clock and a suspend do.
   $CLOCKSHIFT names a file of two doubles: seconds added to CLOCK_REALTIME, and to CLOCK_BOOTTIME. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile double *shifts;

__attribute__((constructor)) static void look(void) {
    const char *path = getenv("CLOCKSHIFT");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *seen = mmap(NULL, 2 * sizeof(double), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    shifts = seen == MAP_FAILED ? NULL : seen;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && shifts)
        now->tv_sec += (time_t)(clock == CLOCK_REALTIME ? shifts[0] : clock == CLOCK_BOOTTIME ? shifts[1] : 0);
    return result;
}
