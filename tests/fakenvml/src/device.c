/* Readings of one device. Most are one number; a table of macros answers those. */
#define _GNU_SOURCE
#include "fake.h"

#include <stdio.h>
#include <string.h>

#define VERSION_OF(to, tag) ((to)->version == (tag) ? NVML_SUCCESS : NVML_ERROR_ARGUMENT_VERSION_MISMATCH)

#define UNSIGNED(function, where, value)                                                 \
    nvmlReturn_t function(nvmlDevice_t device, unsigned int *to)                         \
    {                                                                                    \
        DEVICE_CALL(device, where);                                                      \
        return put(to, value);                                                           \
    }

#define LONG(function, where, value)                                                     \
    nvmlReturn_t function(nvmlDevice_t device, unsigned long long *to)                   \
    {                                                                                    \
        DEVICE_CALL(device, where);                                                      \
        return put_long(to, value);                                                      \
    }

#define ENUM(function, type, where, key)                                                 \
    nvmlReturn_t function(nvmlDevice_t device, type *to)                                 \
    {                                                                                    \
        DEVICE_CALL(device, where);                                                      \
        return put((unsigned *)to, number(&gpu, key));                                   \
    }

UNSIGNED(nvmlDeviceGetMinorNumber, BOARD, gpu.index)
UNSIGNED(nvmlDeviceGetNumGpuCores, BOARD, number(&gpu, K_cores))
UNSIGNED(nvmlDeviceGetNumaNodeId, BOARD, number(&gpu, K_numa))
UNSIGNED(nvmlDeviceGetPowerUsage, BOARD, power_average(&gpu) * 1e3)
UNSIGNED(nvmlDeviceGetEnforcedPowerLimit, BOARD, number(&gpu, K_power_limit) * 1e3)
UNSIGNED(nvmlDeviceGetPowerManagementLimit, BOARD, number(&gpu, K_power_limit) * 1e3)
UNSIGNED(nvmlDeviceGetPowerManagementDefaultLimit, BOARD, number(&gpu, K_power_limit_default) * 1e3)
UNSIGNED(nvmlDeviceGetNumFans, BOARD, number(&gpu, K_fans))
UNSIGNED(nvmlDeviceGetFanSpeed, BOARD, number(&gpu, K_fan))
UNSIGNED(nvmlDeviceGetCurrPcieLinkGeneration, BOARD, number(&gpu, K_pcie_gen))
UNSIGNED(nvmlDeviceGetCurrPcieLinkWidth, BOARD, number(&gpu, K_pcie_width))
UNSIGNED(nvmlDeviceGetMaxPcieLinkGeneration, BOARD, number(&gpu, K_pcie_gen_max))
UNSIGNED(nvmlDeviceGetGpuMaxPcieLinkGeneration, BOARD, number(&gpu, K_pcie_gen_max))
UNSIGNED(nvmlDeviceGetMaxPcieLinkWidth, BOARD, number(&gpu, K_pcie_width_max))
UNSIGNED(nvmlDeviceGetPcieReplayCounter, BOARD, number(&gpu, K_pcie_replay))
UNSIGNED(nvmlDeviceGetMemoryBusWidth, BOARD, 6144)

LONG(nvmlDeviceGetTotalEnergyConsumption, BOARD, energy_counter(&gpu) * 1e3)
LONG(nvmlDeviceGetCurrentClocksEventReasons, BOARD, clock_events(&gpu))
LONG(nvmlDeviceGetCurrentClocksThrottleReasons, BOARD, clock_events(&gpu))
LONG(nvmlDeviceGetSupportedClocksEventReasons, BOARD, 0x1ff)
LONG(nvmlDeviceGetSupportedClocksThrottleReasons, BOARD, 0x1ff)

ENUM(nvmlDeviceGetArchitecture, nvmlDeviceArchitecture_t, ANY, K_architecture)
ENUM(nvmlDeviceGetPersistenceMode, nvmlEnableState_t, BOARD, K_persistence)
ENUM(nvmlDeviceGetComputeMode, nvmlComputeMode_t, ANY, K_compute_mode)
ENUM(nvmlDeviceGetDisplayMode, nvmlEnableState_t, BOARD, K_display)
ENUM(nvmlDeviceGetDisplayActive, nvmlEnableState_t, BOARD, K_display)
ENUM(nvmlDeviceGetPerformanceState, nvmlPstates_t, BOARD, K_performance_state)
ENUM(nvmlDeviceGetPowerState, nvmlPstates_t, BOARD, K_performance_state)

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *utilization)
{
    DEVICE_CALL(device, WHOLE_BOARD);
    nvmlReturn_t code = put(&utilization->gpu, busy(&gpu, K_utilization, 1));
    return code ? code : put(&utilization->memory, busy(&gpu, K_memory_activity, 0.4));
}

#define ENGINE(function, key)                                                                     \
    nvmlReturn_t function(nvmlDevice_t device, unsigned int *utilization, unsigned int *period)   \
    {                                                                                             \
        DEVICE_CALL(device, WHOLE_BOARD);                                                         \
        *period = 167000; /* us */                                                                \
        return put(utilization, number(&gpu, key));                                               \
    }

ENGINE(nvmlDeviceGetEncoderUtilization, K_encoder)
ENGINE(nvmlDeviceGetDecoderUtilization, K_decoder)
ENGINE(nvmlDeviceGetJpgUtilization, K_jpeg)
ENGINE(nvmlDeviceGetOfaUtilization, K_ofa)

/* A board that is split tells its sums to the administrator only, where parent_memory is "-". */
static nvmlReturn_t may_see_memory(const struct view *gpu)
{
    if (gpu->mig < 0 && split(gpu) && isnan(number(gpu, K_parent_memory)))
        return NVML_ERROR_NO_PERMISSION;
    return isnan(number(gpu, K_memory_total)) ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
    DEVICE_CALL(device, ANY);
    memory->total = number(&gpu, K_memory_total);
    memory->used = memory_used(&gpu) + number(&gpu, K_memory_reserved); /* version 1 counts the reserve as used */
    memory->free = memory->total - memory->used;
    return may_see_memory(&gpu);
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory)
{
    DEVICE_CALL(device, ANY);
    if (VERSION_OF(memory, nvmlMemory_v2))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    memory->total = number(&gpu, K_memory_total);
    memory->reserved = number(&gpu, K_memory_reserved);
    memory->used = memory_used(&gpu);
    memory->free = memory->total - memory->reserved - memory->used;
    return may_see_memory(&gpu);
}

nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t device, nvmlBAR1Memory_t *bar1Memory)
{
    DEVICE_CALL(device, ANY);
    if (isnan(number(&gpu, K_bar1_total)))
        return NVML_ERROR_NOT_SUPPORTED;
    bar1Memory->bar1Total = number(&gpu, K_bar1_total);
    bar1Memory->bar1Used = number(&gpu, K_bar1_used);
    bar1Memory->bar1Free = bar1Memory->bar1Total - bar1Memory->bar1Used;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device, unsigned int *minLimit, unsigned int *maxLimit)
{
    DEVICE_CALL(device, BOARD);
    nvmlReturn_t code = put(minLimit, number(&gpu, K_power_limit_min) * 1e3);
    return code ? code : put(maxLimit, number(&gpu, K_power_limit_max) * 1e3);
}

/* Checked as a driver does it; what is read is always what the scenario says. */
nvmlReturn_t nvmlDeviceSetPowerManagementLimit(nvmlDevice_t device, unsigned int limit)
{
    DEVICE_CALL(device, BOARD);
    unsigned least = number(&gpu, K_power_limit_min) * 1e3, most = number(&gpu, K_power_limit_max) * 1e3;
    return limit < least || limit > most ? NVML_ERROR_INVALID_ARGUMENT : NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t sensorType, unsigned int *temp)
{
    DEVICE_CALL(device, BOARD);
    return sensorType ? NVML_ERROR_INVALID_ARGUMENT : put(temp, temperature(&gpu, K_temperature));
}

nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_t *to)
{
    DEVICE_CALL(device, BOARD);
    if (VERSION_OF(to, nvmlTemperature_v1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    return put((unsigned *)&to->temperature, temperature(&gpu, K_temperature));
}

nvmlReturn_t nvmlDeviceGetTemperatureThreshold(nvmlDevice_t device, nvmlTemperatureThresholds_t type, unsigned int *temp)
{
    DEVICE_CALL(device, BOARD);
    static const enum key of[] = {K_temperature_shutdown, K_temperature_slowdown, K_temperature_memory_max, K_temperature_max};
    return type < 4 ? put(temp, number(&gpu, of[type])) : NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetMarginTemperature(nvmlDevice_t device, nvmlMarginTemperature_t *margin)
{
    DEVICE_CALL(device, BOARD);
    if (VERSION_OF(margin, nvmlMarginTemperature_v1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    double left = number(&gpu, K_temperature_max) - temperature(&gpu, K_temperature);
    margin->marginTemperature = isnan(left) ? 0 : (int)left;
    return isnan(left) ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetFanSpeed_v2(nvmlDevice_t device, unsigned int fan, unsigned int *speed)
{
    DEVICE_CALL(device, BOARD);
    return fan < number(&gpu, K_fans) ? put(speed, number(&gpu, K_fan)) : NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetFanSpeedRPM(nvmlDevice_t device, nvmlFanSpeedInfo_t *fanSpeed)
{
    DEVICE_CALL(device, BOARD);
    return fanSpeed->fan < number(&gpu, K_fans) ? put(&fanSpeed->speed, number(&gpu, K_fan_rpm)) : NVML_ERROR_INVALID_ARGUMENT;
}

static nvmlReturn_t put_clock(unsigned *to, double value)
{
    return value < 0 ? NVML_ERROR_INVALID_ARGUMENT : put(to, value);
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int *clock)
{
    DEVICE_CALL(device, BOARD);
    return put_clock(clock, clock_now(&gpu, type));
}

nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int *clock)
{
    DEVICE_CALL(device, BOARD);
    return put_clock(clock, clock_max(&gpu, type));
}

/* The driver measures this one while the caller waits. */
nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t device, nvmlPcieUtilCounter_t counter, unsigned int *value)
{
    DEVICE_CALL(device, WHOLE_BOARD);
    call_wait(&call, 0.020);
    return put(value, number(&gpu, counter == NVML_PCIE_UTIL_TX_BYTES ? K_pcie_tx_rate : K_pcie_rx_rate) / 1000);
}

nvmlReturn_t nvmlDeviceGetGpuUptime_v1(nvmlDevice_t device, nvmlGpuUptime_v1_t *to)
{
    DEVICE_CALL(device, ANY);
    return put(&to->uptime, uptime(&gpu));
}

/* A feature that is not licensed, and one that may be; none where the key says that nothing is to be licensed. */
nvmlReturn_t nvmlDeviceGetGridLicensableFeatures_v4(nvmlDevice_t device, nvmlGridLicensableFeatures_t *to)
{
    DEVICE_CALL(device, BOARD);
    memset(to, 0, sizeof *to);
    if (isnan(number(&gpu, K_vgpu_licensed)))
        return NVML_SUCCESS;
    to->isGridLicenseSupported = 1;
    to->licensableFeaturesCount = 2;
    to->gridLicensableFeatures[0].featureCode = NVML_GRID_LICENSE_FEATURE_CODE_NVIDIA_RTX;
    to->gridLicensableFeatures[1].featureCode = NVML_GRID_LICENSE_FEATURE_CODE_COMPUTE;
    to->gridLicensableFeatures[1].featureState = number(&gpu, K_vgpu_licensed);
    return NVML_SUCCESS;
}

/* ---- NVLink ---- */

static bool link_up(const struct view *gpu, unsigned link)
{
    return !split(gpu) && link >= number(gpu, K_nvlink_down); /* a board in MIG mode tells all its links as down */
}

nvmlReturn_t nvmlDeviceGetNvLinkState(nvmlDevice_t device, unsigned int link, nvmlEnableState_t *isActive)
{
    DEVICE_CALL(device, BOARD);
    if (!(link < number(&gpu, K_nvlinks)))
        return number(&gpu, K_nvlinks) > 0 ? NVML_ERROR_INVALID_ARGUMENT : NVML_ERROR_NOT_SUPPORTED;
    *isActive = link_up(&gpu, link);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetNvLinkVersion(nvmlDevice_t device, unsigned int link, unsigned int *version)
{
    DEVICE_CALL(device, WHOLE_BOARD);
    return link < number(&gpu, K_nvlinks) ? put(version, number(&gpu, K_nvlink_version)) : NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetNvLinkErrorCounter(nvmlDevice_t device, unsigned int link, nvmlNvLinkErrorCounter_t counter,
                                             unsigned long long *counterValue)
{
    DEVICE_CALL(device, WHOLE_BOARD);
    static const enum key of[] = {K_nvlink_replays, K_nvlink_recoveries, K_nvlink_crc_errors};
    if (!(link < number(&gpu, K_nvlinks)) || counter > NVML_NVLINK_ERROR_DL_CRC_FLIT)
        return NVML_ERROR_INVALID_ARGUMENT;
    return put_long(counterValue, number(&gpu, of[counter]));
}

/* ---- ECC and the health of the memory ---- */

nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, nvmlEnableState_t *current, nvmlEnableState_t *pending)
{
    DEVICE_CALL(device, BOARD);
    nvmlReturn_t code = put(current, number(&gpu, K_ecc));
    return code ? code : put(pending, number(&gpu, K_ecc));
}

static double ecc_errors(const struct view *gpu, int type, int counter)
{
    static const enum key of[2][2] = {{K_ecc_corrected, K_ecc_corrected_lifetime}, {K_ecc_uncorrected, K_ecc_uncorrected_lifetime}};
    return number(gpu, K_ecc) > 0 ? number(gpu, of[type & 1][counter & 1]) : NAN;
}

nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, nvmlMemoryErrorType_t errorType,
                                         nvmlEccCounterType_t counterType, unsigned long long *eccCounts)
{
    DEVICE_CALL(device, BOARD);
    return put_long(eccCounts, ecc_errors(&gpu, errorType, counterType));
}

nvmlReturn_t nvmlDeviceGetMemoryErrorCounter(nvmlDevice_t device, nvmlMemoryErrorType_t errorType,
                                             nvmlEccCounterType_t counterType, nvmlMemoryLocation_t locationType,
                                             unsigned long long *count)
{
    DEVICE_CALL(device, ANY);
    bool here = locationType == NVML_MEMORY_LOCATION_DRAM || locationType == NVML_MEMORY_LOCATION_SRAM;
    double errors = ecc_errors(&gpu, errorType, counterType);
    return here ? put_long(count, locationType == NVML_MEMORY_LOCATION_DRAM ? errors : 0 * errors) : NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t device, unsigned int *corrRows, unsigned int *uncRows,
                                       unsigned int *isPending, unsigned int *failureOccurred)
{
    DEVICE_CALL(device, WHOLE_BOARD);
    if (isnan(number(&gpu, K_remapped_correctable)))
        return NVML_ERROR_NOT_SUPPORTED;
    put(corrRows, number(&gpu, K_remapped_correctable));
    put(uncRows, number(&gpu, K_remapped_uncorrectable));
    put(isPending, number(&gpu, K_remap_pending));
    return put(failureOccurred, number(&gpu, K_remap_failure));
}

static nvmlReturn_t retired(double pages, unsigned *count, unsigned long long *addresses)
{
    if (isnan(pages))
        return NVML_ERROR_NOT_SUPPORTED;
    bool fits = *count >= pages && (addresses || pages == 0);
    for (unsigned i = 0; fits && i < pages; i++)
        addresses[i] = 0x1000ull * (i + 1);
    *count = (unsigned)pages;
    return fits ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}

nvmlReturn_t nvmlDeviceGetRetiredPages(nvmlDevice_t device, nvmlPageRetirementCause_t cause, unsigned int *pageCount,
                                       unsigned long long *addresses)
{
    DEVICE_CALL(device, BOARD);
    (void)cause;
    return retired(number(&gpu, K_retired_pages), pageCount, addresses);
}

nvmlReturn_t nvmlDeviceGetRetiredPages_v2(nvmlDevice_t device, nvmlPageRetirementCause_t cause, unsigned int *pageCount,
                                          unsigned long long *addresses, unsigned long long *timestamps)
{
    DEVICE_CALL(device, BOARD);
    bool double_bit = cause == NVML_PAGE_RETIREMENT_CAUSE_DOUBLE_BIT_ECC_ERROR;
    double pages = number(&gpu, double_bit ? K_retired_double_bit : K_retired_pages);
    double late = number(&gpu, K_retired_double_bit_week);
    nvmlReturn_t code = retired(pages, pageCount, addresses);
    for (unsigned i = 0; code == NVML_SUCCESS && i < *pageCount; i++)
        timestamps[i] = (unsigned long long)((unix_time(gpu.now) - (i < late ? 3600 : 30 * 86400)) * 1e6);
    return code;
}

nvmlReturn_t nvmlDeviceGetSramEccErrorStatus(nvmlDevice_t device, nvmlEccSramErrorStatus_t *status)
{
    DEVICE_CALL(device, BOARD);
    if (status->version != nvmlEccSramErrorStatus_v1)
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    return put(&status->bThresholdExceeded, number(&gpu, K_sram_threshold));
}

nvmlReturn_t nvmlDeviceGetUnrepairableMemoryFlag_v1(nvmlDevice_t device, nvmlUnrepairableMemoryStatus_v1_t *status)
{
    DEVICE_CALL(device, BOARD);
    return put(&status->bUnrepairableMemory, number(&gpu, K_unrepairable_memory));
}

nvmlReturn_t nvmlDeviceValidateInforom(nvmlDevice_t device)
{
    DEVICE_CALL(device, BOARD);
    double valid = number(&gpu, K_inforom_valid);
    return isnan(valid) ? NVML_ERROR_NOT_SUPPORTED : valid ? NVML_SUCCESS : NVML_ERROR_CORRUPTED_INFOROM;
}

nvmlReturn_t nvmlDeviceGetGpuFabricInfoV(nvmlDevice_t device, nvmlGpuFabricInfoV_t *info)
{
    DEVICE_CALL(device, BOARD);
    if (info->version != nvmlGpuFabricInfo_v3)
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    info->state = (nvmlGpuFabricState_t)number(&gpu, K_fabric_state);
    info->healthSummary = (unsigned char)number(&gpu, K_fabric_health);
    return NVML_SUCCESS;
}

ENUM(nvmlDeviceGetRetiredPagesPendingStatus, nvmlEnableState_t, BOARD, K_retired_pending)
