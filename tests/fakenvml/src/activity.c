/* Processes, the driver's buffers of samples, and GPM. */
#define _GNU_SOURCE
#include "fake.h"

#include <stdlib.h>
#include <string.h>

/* ---- processes ---- */

static bool listed(const struct view *gpu, const struct process *p, char kind)
{
    return p->kind == kind && (gpu->mig < 0 || (p->gi == number(gpu, K_gi) && p->ci == number(gpu, K_ci)));
}

static void fill_v1(nvmlProcessInfo_v1_t *to, const struct process *p)
{
    *to = (nvmlProcessInfo_v1_t){p->pid, p->memory};
}

static void fill_v2(nvmlProcessInfo_v2_t *to, const struct process *p)
{
    *to = (nvmlProcessInfo_v2_t){p->pid, p->memory, p->gi, p->ci};
}

#define PROCESSES(function, kind, type, fill)                                                \
    nvmlReturn_t function(nvmlDevice_t device, unsigned int *infoCount, type *infos)         \
    {                                                                                        \
        DEVICE_CALL(device, ANY);                                                            \
        const struct process *all = gpu.scenario->gpu[gpu.index].processes;                  \
        unsigned room = infos ? *infoCount : 0, found = 0;                                   \
        for (const struct process *p = all; p; p = p->next)                                  \
            if (listed(&gpu, p, kind) && found++ < room)                                     \
                fill(&infos[found - 1], p);                                                  \
        *infoCount = found;                                                                  \
        return found > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;                   \
    }

PROCESSES(nvmlDeviceGetComputeRunningProcesses_v3, 'c', nvmlProcessInfo_v2_t, fill_v2)
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v2, 'c', nvmlProcessInfo_v2_t, fill_v2)
PROCESSES(nvmlDeviceGetComputeRunningProcesses, 'c', nvmlProcessInfo_v1_t, fill_v1)
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v3, 'g', nvmlProcessInfo_v2_t, fill_v2)
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v2, 'g', nvmlProcessInfo_v2_t, fill_v2)
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses, 'g', nvmlProcessInfo_v1_t, fill_v1)
PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses_v3, 'm', nvmlProcessInfo_v2_t, fill_v2)
PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses_v2, 'm', nvmlProcessInfo_v2_t, fill_v2)
PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses, 'm', nvmlProcessInfo_v1_t, fill_v1)

/* One sample per process that is not idle, stamped at the last whole second. */
nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t *utilization,
                                             unsigned int *processSamplesCount, unsigned long long lastSeenTimeStamp)
{
    DEVICE_CALL(device, WHOLE_BOARD);
    unsigned long long stamp = (unsigned long long)floor(unix_time(gpu.now)) * 1000000ull;
    unsigned room = utilization ? *processSamplesCount : 0, found = 0;
    for (const struct process *p = gpu.section->processes; p && stamp > lastSeenTimeStamp; p = p->next)
        if (p->sm + p->memory_util + p->encoder + p->decoder > 0 && found++ < room)
            utilization[found - 1] = (nvmlProcessUtilizationSample_t){p->pid, stamp, p->sm, p->memory_util, p->encoder, p->decoder};
    *processSamplesCount = found;
    return found > room ? NVML_ERROR_INSUFFICIENT_SIZE : found ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

/* ---- samples ---- */

struct buffer {
    double period;
    unsigned depth;
    double delay, jitter; /* seconds until an entry is there, and by which its stamp is off */
};

static struct buffer buffer_of(const struct view *gpu, nvmlSamplingType_t type)
{
    if (type != NVML_TOTAL_POWER_SAMPLES)
        return (struct buffer){0.200, 71, 0, 0};
    return (struct buffer){number(gpu, K_samples_period), (unsigned)number(gpu, K_samples_depth),
                           number(gpu, K_samples_delay), number(gpu, K_samples_jitter)};
}

static double sample(const struct view *gpu, nvmlSamplingType_t type, double at, double period)
{
    struct view then = *gpu;
    then.now = at;
    switch (type) {
    case NVML_TOTAL_POWER_SAMPLES: return isnan(period) ? NAN : power_sample(gpu, at, period) * 1e3;
    case NVML_GPU_UTILIZATION_SAMPLES: return busy(&then, K_utilization, 1);
    case NVML_MEMORY_UTILIZATION_SAMPLES: return busy(&then, K_memory_activity, 0.4);
    case NVML_ENC_UTILIZATION_SAMPLES: return number(gpu, K_encoder);
    case NVML_DEC_UTILIZATION_SAMPLES: return number(gpu, K_decoder);
    default: return NAN;
    }
}

nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t device, nvmlSamplingType_t type, unsigned long long lastSeenTimeStamp,
                                  nvmlValueType_t *sampleValType, unsigned int *sampleCount, nvmlSample_t *samples)
{
    DEVICE_CALL(device, BOARD);
    struct buffer buffer = buffer_of(&gpu, type);
    if (isnan(sample(&gpu, type, gpu.now, buffer.period)) || (type != NVML_TOTAL_POWER_SAMPLES && split(&gpu)))
        return NVML_ERROR_NOT_SUPPORTED;
    *sampleValType = NVML_VALUE_TYPE_UNSIGNED_INT;
    double last = floor((gpu.now - buffer.delay) / buffer.period);
    unsigned room = samples ? *sampleCount : buffer.depth, found = 0;
    for (unsigned i = buffer.depth; i-- > 0 && found < room;) {
        double at = (last - i) * buffer.period;
        double told = at + buffer.jitter * (2 * noise(gpu.index + 31, (uint64_t)(last - i)) - 1);
        unsigned long long stamp = (unsigned long long)(unix_time(told) * 1e6);
        if (stamp <= lastSeenTimeStamp)
            continue;
        if (samples)
            samples[found] = (nvmlSample_t){stamp, {.uiVal = (unsigned)llround(sample(&gpu, type, at, buffer.period))}};
        found++;
    }
    *sampleCount = samples ? found : buffer.depth;
    return found ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

/* ---- GPM: what happened between two looks ---- */

struct nvmlGpmSample_st {
    struct view gpu;
    bool taken;
};

nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t device, nvmlGpmSupport_t *gpmSupport)
{
    DEVICE_CALL(device, ANY);
    gpmSupport->isSupportedDevice = number(&gpu, K_gpm) > 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmSampleAlloc(nvmlGpmSample_t *gpmSample)
{
    CALL();
    *gpmSample = calloc(1, sizeof **gpmSample);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmSampleFree(nvmlGpmSample_t gpmSample)
{
    CALL();
    free(gpmSample);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmSampleGet(nvmlDevice_t device, nvmlGpmSample_t gpmSample)
{
    DEVICE_CALL(device, ANY);
    *gpmSample = (struct nvmlGpmSample_st){gpu, true};
    return number(&gpu, K_gpm) > 0 ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t nvmlGpmMigSampleGet(nvmlDevice_t device, unsigned int gpuInstanceId, nvmlGpmSample_t gpmSample)
{
    DEVICE_CALL(device, BOARD);
    for (int m = 0; m < MAX_MIG; m++) {
        struct view instance = view_of(gpu.scenario, &handles[gpu.index][m + 1]);
        if (!instance.section || number(&instance, K_gi) != gpuInstanceId)
            continue;
        *gpmSample = (struct nvmlGpmSample_st){instance, true};
        return NVML_SUCCESS;
    }
    return NVML_ERROR_NOT_FOUND;
}

static const struct {
    unsigned id;
    enum key key;
    double share; /* of the load, where the key is auto */
    char *name, *unit;
} metrics[] = {
    {NVML_GPM_METRIC_GRAPHICS_UTIL, K_gpm_graphics, 1, "graphics_util", "%"},
    {NVML_GPM_METRIC_SM_UTIL, K_gpm_sm, 0.9, "sm_util", "%"},
    {NVML_GPM_METRIC_SM_OCCUPANCY, K_gpm_occupancy, 0.45, "sm_occupancy", "%"},
    {NVML_GPM_METRIC_ANY_TENSOR_UTIL, K_gpm_tensor, 0.55, "tensor_util", "%"},
    {NVML_GPM_METRIC_DRAM_BW_UTIL, K_gpm_dram, 0.5, "dram_bw_util", "%"},
    {NVML_GPM_METRIC_FP64_UTIL, K_gpm_fp64, 0, "fp64_util", "%"},
    {NVML_GPM_METRIC_FP32_UTIL, K_gpm_fp32, 0.2, "fp32_util", "%"},
    {NVML_GPM_METRIC_FP16_UTIL, K_gpm_fp16, 0, "fp16_util", "%"},
    {NVML_GPM_METRIC_PCIE_TX_PER_SEC, K_pcie_tx_rate, 0, "pcie_tx", "MiB/s"},
    {NVML_GPM_METRIC_PCIE_RX_PER_SEC, K_pcie_rx_rate, 0, "pcie_rx", "MiB/s"},
    {NVML_GPM_METRIC_NVLINK_TOTAL_RX_PER_SEC, K_nvlink_rx_rate, 0, "nvlink_rx", "MiB/s"},
    {NVML_GPM_METRIC_NVLINK_TOTAL_TX_PER_SEC, K_nvlink_tx_rate, 0, "nvlink_tx", "MiB/s"},
};

static void measure(const struct view *gpu, nvmlGpmMetric_t *metric)
{
    metric->nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        if (metrics[i].id != metric->metricId)
            continue;
        bool rate = strcmp(metrics[i].unit, "%") != 0;
        double value = rate ? number(gpu, metrics[i].key) / 1048576 : busy(gpu, metrics[i].key, metrics[i].share);
        metric->nvmlReturn = isnan(value) ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
        metric->value = isnan(value) ? 0 : value;
        metric->metricInfo.shortName = metric->metricInfo.longName = metrics[i].name;
        metric->metricInfo.unit = metrics[i].unit;
    }
}

nvmlReturn_t nvmlGpmMetricsGet(nvmlGpmMetricsGet_t *metricsGet)
{
    CALL();
    const struct nvmlGpmSample_st *first = metricsGet->sample1, *second = metricsGet->sample2;
    if (metricsGet->version != NVML_GPM_METRICS_GET_VERSION)
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    if (!first || !second || !first->taken || !second->taken || second->gpu.now - first->gpu.now < 0.1)
        return NVML_ERROR_INVALID_ARGUMENT;
    struct view between = second->gpu;
    between.span = second->gpu.now - first->gpu.now;
    for (unsigned i = 0; i < metricsGet->numMetrics; i++)
        measure(&between, &metricsGet->metrics[i]);
    return NVML_SUCCESS;
}
