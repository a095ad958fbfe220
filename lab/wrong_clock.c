/* Sets the wall clock of a process wrong. The library is loaded before the C library (LD_PRELOAD). Other clocks, and
   sleeps, stay right.

   The file that WRONG_CLOCK names has three numbers. The clock is ahead by the first number, in seconds. In each second,
   it gains the second number, in seconds. It began to gain at the third number, in seconds since the boot. They may
   be written while the process runs.

   libfaketime 0.9.10 does not work here: with it, time.sleep of Python 3.11 fails, or sleeps for an hour. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile double *wrong;

__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("WRONG_CLOCK"), O_RDONLY | O_CLOEXEC);
    wrong = mmap(NULL, 3 * sizeof(double), PROT_READ, MAP_SHARED, file, 0);
    if (wrong == MAP_FAILED) abort();
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *found) {
    long result = syscall(SYS_clock_gettime, clock, found);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        struct timespec boot;
        syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &boot);
        double shift = wrong[0] + wrong[1] * (boot.tv_sec + boot.tv_nsec / 1e9 - wrong[2]);
        long long moved = found->tv_sec * 1000000000LL + found->tv_nsec + (long long)(shift * 1e9);
        found->tv_sec = moved / 1000000000LL;
        found->tv_nsec = moved % 1000000000LL;
    }
    return (int)result;
}

int gettimeofday(struct timeval *restrict found, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    found->tv_sec = now.tv_sec;
    found->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *found) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (found) *found = now.tv_sec;
    return now.tv_sec;
}
