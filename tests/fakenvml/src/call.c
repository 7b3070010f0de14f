/* What every call goes through: it is counted, may hang, takes its time, and may fail as the scenario says.
 * The counters live in the file named by FAKENVML_STATS, shared by all processes that run on this driver. */
#define _GNU_SOURCE
#include "fake.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 512
#define SPIN 100e-6 /* shorter waits are spun: sleeping is not that exact */

struct slot { /* stats.py reads this layout */
    char name[64];
    _Atomic uint64_t calls, nanoseconds, nominal;
    _Atomic uint64_t state; /* 0 free, 1 being named, 2 in use */
};

static struct slot *slots;

double mono(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

double unix_time(double at)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec + now.tv_nsec * 1e-9 - mono() + at;
}

__attribute__((constructor)) static void open_stats(void)
{
    const char *path = getenv("FAKENVML_STATS");
    int file = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    size_t size = SLOTS * sizeof(struct slot);
    int flags = file < 0 || ftruncate(file, size) ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
    slots = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, flags & MAP_ANONYMOUS ? -1 : file, 0);
    if (file >= 0)
        close(file);
}

struct slot *slot_named(const char *name)
{
    for (struct slot *slot = slots; slot < slots + SLOTS; slot++) {
        uint64_t expected = 0;
        if (atomic_compare_exchange_strong(&slot->state, &expected, 1)) {
            strncpy(slot->name, name, sizeof slot->name - 1);
            atomic_store(&slot->state, 2);
            return slot;
        }
        while (atomic_load(&slot->state) == 1)
            ;
        if (!strcmp(slot->name, name))
            return slot;
    }
    abort(); /* more functions than slots: raise SLOTS */
}

void slot_count(struct slot *slot)
{
    atomic_fetch_add(&slot->calls, 1);
}

void sleep_until(double end)
{
    struct timespec until = {(time_t)end, (long)((end - (time_t)end) * 1e9)};
    prctl(PR_SET_TIMERSLACK, 1UL); /* ns; the default of 50 us would make cheap calls dear */
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL))
        ; /* a driver call is not cut short by a signal */
    prctl(PR_SET_TIMERSLACK, 0UL);
}

void call_wait(struct call *call, double seconds)
{
    double end = mono() + seconds;
    if (seconds > 0)
        call->nominal += seconds;
    if (seconds >= SPIN)
        sleep_until(end);
    while (mono() < end)
        ;
}

/* Sleeps as long as the rule says; taking the rule out of the scenario sets it free. */
static void hang(const char *function, int gpu)
{
    const struct rule *rule;
    double started = mono();
    do {
        const struct scenario *scenario = scenario_now();
        rule = find_rule(gpu < 0 ? &scenario->global : &scenario->gpu[gpu], "hang", function);
        if (rule)
            sleep_until(mono() + 0.02);
    } while (rule && mono() - started < rule->number);
}

static nvmlReturn_t apply_rules(struct call *call, const struct section *section, const char *function, int gpu)
{
    const struct rule *latency = find_rule(section, "latency", function);
    if (latency)
        call_wait(call, latency->number);
    if (find_rule(section, "hang", function))
        hang(function, gpu);
    const struct rule *error = find_rule(section, "error", function);
    return error ? (nvmlReturn_t)error->number : NVML_SUCCESS;
}

nvmlReturn_t call_begin(struct call *call, struct slot **slot, const char *function)
{
    if (!*slot)
        *slot = slot_named(function);
    *call = (struct call){*slot, mono(), 0};
    slot_count(*slot);
    const struct scenario *scenario = scenario_now();
    bool opening = !strncmp(function, "nvmlInit", 8) || !strcmp(function, "nvmlShutdown");
    if (!opening && !initialised())
        return NVML_ERROR_UNINITIALIZED;
    if (!strcmp(scenario->global.values[K_latencies].text, "real"))
        call_wait(call, real_latency(function));
    nvmlReturn_t code = apply_rules(call, &scenario->global, function, -1);
    if (code == NVML_SUCCESS && !opening && !same_library(scenario))
        return NVML_ERROR_LIB_RM_VERSION_MISMATCH;
    return code;
}

nvmlReturn_t call_device(struct call *call, const char *function, nvmlDevice_t device, enum where where, struct view *gpu)
{
    if (!is_handle(device))
        return NVML_ERROR_INVALID_ARGUMENT;
    const struct scenario *scenario = scenario_now();
    nvmlReturn_t code = apply_rules(call, &scenario->gpu[device->index], function, device->index);
    *gpu = view_of(scenario_now(), device);
    if (gpu_lost(gpu->scenario, device->index) || !gpu_present(gpu->scenario, device->index))
        return NVML_ERROR_GPU_IS_LOST;
    if (code != NVML_SUCCESS)
        return code;
    if (!gpu->section)
        return NVML_ERROR_INVALID_ARGUMENT;
    if ((where != ANY && device->mig >= 0) || (where == WHOLE_BOARD && split(gpu)))
        return NVML_ERROR_NOT_SUPPORTED;
    return NVML_SUCCESS;
}

void call_end(struct call *call)
{
    atomic_fetch_add(&call->slot->nanoseconds, (uint64_t)((mono() - call->started) * 1e9));
    atomic_fetch_add(&call->slot->nominal, (uint64_t)(call->nominal * 1e9));
}
