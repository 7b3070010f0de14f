/* MIG: a board split into instances, in slots of which some are empty. */
#include "fake.h"

#include <string.h>

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int *currentMode, unsigned int *pendingMode)
{
    DEVICE_CALL(device, BOARD);
    nvmlReturn_t code = put(currentMode, number(&gpu, K_mig));
    return code ? code : put(pendingMode, number(&gpu, K_mig));
}

nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned int *count)
{
    DEVICE_CALL(device, BOARD);
    return put(count, isnan(number(&gpu, K_mig)) ? 0 : number(&gpu, K_mig_max));
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned int index, nvmlDevice_t *migDevice)
{
    DEVICE_CALL(device, BOARD);
    if (!(index < number(&gpu, K_mig_max)) || index >= MAX_MIG)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!split(&gpu) || !gpu.scenario->mig[gpu.index][index])
        return NVML_ERROR_NOT_FOUND;
    *migDevice = &handles[gpu.index][index + 1];
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t migDevice, nvmlDevice_t *device)
{
    DEVICE_CALL(migDevice, ANY);
    *device = &handles[gpu.index][0];
    return gpu.mig < 0 ? NVML_ERROR_INVALID_ARGUMENT : NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned int *isMigDevice)
{
    DEVICE_CALL(device, ANY);
    return put(isMigDevice, gpu.mig >= 0);
}

static nvmlReturn_t put_instance(const struct view *gpu, unsigned *to, enum key key)
{
    return gpu->mig < 0 ? NVML_ERROR_NOT_SUPPORTED : put(to, number(gpu, key));
}

nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned int *id)
{
    DEVICE_CALL(device, ANY);
    return put_instance(&gpu, id, K_gi);
}

nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, unsigned int *id)
{
    DEVICE_CALL(device, ANY);
    return put_instance(&gpu, id, K_ci);
}

nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t device, nvmlDeviceAttributes_t *attributes)
{
    DEVICE_CALL(device, ANY);
    if (gpu.mig < 0)
        return NVML_ERROR_NOT_SUPPORTED;
    memset(attributes, 0, sizeof *attributes);
    attributes->multiprocessorCount = number(&gpu, K_multiprocessors);
    attributes->gpuInstanceSliceCount = attributes->computeInstanceSliceCount = number(&gpu, K_slices);
    attributes->memorySizeMB = number(&gpu, K_memory_total) / 1048576;
    return NVML_SUCCESS;
}
