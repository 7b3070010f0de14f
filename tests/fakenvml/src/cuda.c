/* A fake libcuda.so.1: as much of the driver API as waiting for a GPU takes, counted like NVML's calls. */
#include "fake.h"

#define CUDA_ERROR_INVALID_VALUE 1
#define CUDA_ERROR_NOT_INITIALIZED 3
#define CUDA_ERROR_INVALID_CONTEXT 201
#define MAX_DEPTH 16

static bool ready, active[MAX_GPUS];
static _Thread_local int stack[MAX_DEPTH], depth;
static int contexts[MAX_GPUS]; /* their addresses are the handles */

static double key(enum key key)
{
    return scenario_now()->global.values[key].number;
}

static bool is_active(int device)
{
    return active[device] || key(K_cuda_active) > 0;
}

static int devices(void)
{
    return (int)(isinf(key(K_cuda_devices)) ? key(K_gpus) : key(K_cuda_devices));
}

static void begin(struct call *call, struct slot **slot, const char *function)
{
    if (!*slot)
        *slot = slot_named(function);
    *call = (struct call){*slot, mono(), 0};
    slot_count(*slot);
}

#define CUDA_CALL()                                                    \
    static struct slot *slot_;                                         \
    struct call call __attribute__((cleanup(call_end)));               \
    begin(&call, &slot_, __func__);                                    \
    const struct rule *error_ = find_rule(&scenario_now()->global, "error", __func__); \
    if (error_)                                                        \
        return (int)error_->number

int cuInit(unsigned flags)
{
    CUDA_CALL();
    ready = flags == 0;
    return ready ? 0 : CUDA_ERROR_INVALID_VALUE;
}

int cuDriverGetVersion(int *version)
{
    CUDA_CALL();
    *version = (int)key(K_cuda);
    return 0;
}

int cuDeviceGetCount(int *count)
{
    CUDA_CALL();
    *count = devices();
    return ready || key(K_cuda_active) > 0 ? 0 : CUDA_ERROR_NOT_INITIALIZED;
}

int cuDeviceGet(int *device, int ordinal)
{
    CUDA_CALL();
    *device = ordinal;
    return ordinal >= 0 && ordinal < devices() ? 0 : 101;
}

int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *state)
{
    CUDA_CALL();
    *flags = 0;
    *state = is_active(device);
    return 0;
}

int cuDevicePrimaryCtxRetain(void **context, int device)
{
    CUDA_CALL();
    active[device] = true;
    *context = &contexts[device];
    return 0;
}

int cuDevicePrimaryCtxRelease_v2(int device)
{
    CUDA_CALL();
    (void)device; /* others hold it too: it stays */
    return 0;
}

int cuCtxPushCurrent_v2(void *context)
{
    CUDA_CALL();
    if (depth == MAX_DEPTH)
        return CUDA_ERROR_INVALID_CONTEXT;
    stack[depth++] = (int)((int *)context - contexts);
    return 0;
}

int cuCtxPopCurrent_v2(void **context)
{
    CUDA_CALL();
    if (depth == 0)
        return CUDA_ERROR_INVALID_CONTEXT;
    depth--;
    if (context)
        *context = &contexts[stack[depth]];
    return 0;
}

int cuCtxGetCurrent(void **context)
{
    CUDA_CALL();
    *context = depth ? &contexts[stack[depth - 1]] : NULL;
    return 0;
}

int cuCtxSetCurrent(void *context)
{
    CUDA_CALL();
    depth = context != NULL;
    stack[0] = context ? (int)((int *)context - contexts) : 0;
    return 0;
}

/* Returns when the work queued in the context is done: after cuda_sync seconds, and not before cuda_busy_until. */
int cuCtxSynchronize(void)
{
    CUDA_CALL();
    if (!depth && key(K_cuda_active) == 0)
        return CUDA_ERROR_INVALID_CONTEXT;
    call_wait(&call, fmax(key(K_cuda_sync), key(K_cuda_busy_until) - mono()));
    return 0;
}
