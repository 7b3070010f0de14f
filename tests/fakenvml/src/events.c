/* Event sets: what the scenario lets happen at its times, told to whoever registered before. */
#define _GNU_SOURCE
#include "fake.h"

#include <stdlib.h>

#define EVENT_TYPES (nvmlEventTypeXidCriticalError | nvmlEventTypeSingleBitEccError | nvmlEventTypeDoubleBitEccError | \
                     nvmlEventTypePState | nvmlEventTypeClock | nvmlMigConfigChange | nvmlEventTypeGpuRecoveryAction)
#define nvmlMigConfigChange 0x100ull
#define LOOK_EVERY 0.005 /* seconds */

struct nvmlEventSet_st {
    unsigned long long wanted[MAX_GPUS];
    double told[MAX_GPUS]; /* events up to this moment have been told (or came before the registration) */
};

static unsigned long long supported(const struct view *gpu)
{
    double given = number(gpu, K_event_types);
    return isinf(given) ? EVENT_TYPES : (unsigned long long)given;
}

nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t device, unsigned long long *eventTypes)
{
    DEVICE_CALL(device, BOARD);
    *eventTypes = supported(&gpu);
    return isnan(number(&gpu, K_event_types)) ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *set)
{
    CALL();
    *set = calloc(1, sizeof **set);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set)
{
    CALL();
    free(set);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long eventTypes, nvmlEventSet_t set)
{
    DEVICE_CALL(device, BOARD);
    if (!eventTypes || eventTypes & ~supported(&gpu))
        return NVML_ERROR_NOT_SUPPORTED;
    set->wanted[gpu.index] |= eventTypes;
    set->told[gpu.index] = gpu.now;
    return NVML_SUCCESS;
}

/* The time of the first of this event's repetitions after told, or infinity. */
static double next_time(const struct event *event, double told)
{
    double n = told < event->time ? 0 : floor((told - event->time) / event->every) + 1;
    return n < event->count ? event->time + n * event->every : INFINITY;
}

static const struct event *next_event(const struct scenario *scenario, nvmlEventSet_t set, int *gpu, double *at)
{
    const struct event *first = NULL;
    *at = mono();
    for (int g = 0; g < MAX_GPUS; g++)
        for (const struct event *e = set->wanted[g] ? scenario->gpu[g].events : NULL; e; e = e->next) {
            double time = next_time(e, set->told[g]);
            if (e->type & set->wanted[g] && time <= *at)
                first = e, *at = time, *gpu = g;
        }
    return first;
}

/* Waiting here is no load on the driver: it counts as measured, not as nominal time. */
static nvmlReturn_t wait(nvmlEventSet_t set, nvmlEventData_t *data, unsigned timeout)
{
    double until = mono() + timeout / 1e3, at;
    for (int gpu;;) {
        const struct event *event = next_event(scenario_now(), set, &gpu, &at);
        if (event) {
            set->told[gpu] = at + 1e-9;
            *data = (nvmlEventData_t){&handles[gpu][0], event->type, event->data, event->gi, event->ci};
            return NVML_SUCCESS;
        }
        if (mono() >= until)
            return NVML_ERROR_TIMEOUT;
        sleep_until(fmin(until, mono() + LOOK_EVERY));
    }
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *data, unsigned int timeoutms)
{
    CALL();
    return wait(set, data, timeoutms);
}

nvmlReturn_t nvmlEventSetWait(nvmlEventSet_t set, nvmlEventData_t *data, unsigned int timeoutms)
{
    CALL();
    return wait(set, data, timeoutms);
}
