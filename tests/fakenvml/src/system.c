/* The driver as a whole, and what identifies a device. */
#define _GNU_SOURCE
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

nvmlReturn_t put(unsigned *to, double value)
{
    if (!to)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (isnan(value))
        return NVML_ERROR_NOT_SUPPORTED;
    *to = (unsigned)llround(value);
    return NVML_SUCCESS;
}

nvmlReturn_t put_long(unsigned long long *to, double value)
{
    if (!to)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (isnan(value))
        return NVML_ERROR_NOT_SUPPORTED;
    *to = (unsigned long long)floor(value + 1e-6);
    return NVML_SUCCESS;
}

nvmlReturn_t put_text(char *to, unsigned length, const char *value)
{
    if (!strcmp(value, "-"))
        return NVML_ERROR_NOT_SUPPORTED;
    if (strlen(value) >= length)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    strcpy(to, value);
    return NVML_SUCCESS;
}

const char *nvmlErrorString(nvmlReturn_t result)
{
    static const char *const words[] = {
        "Success", "Uninitialized", "Invalid Argument", "Not Supported", "Insufficient Permissions",
        "Already Initialized", "Not Found", "Insufficient Size", "Insufficient External Power", "Driver Not Loaded",
        "Timeout", "Interrupt Request Issue", "NVML Shared Library Not Found", "Function Not Found",
        "Corrupted infoROM", "GPU is lost", "GPU requires reset", "The operating system has blocked the request",
        "RM has detected an NVML/RM version mismatch.", "GPU is currently in use", "Insufficient memory", "No data",
        "vGPU ECC not supported", "Insufficient resources", "Frequency not supported", "Argument version mismatch",
        "Deprecated", "Not ready", "No GPUs were found", "Invalid state"};
    return result < sizeof words / sizeof *words ? words[result] : "Unknown Error";
}

static const char *of_driver(enum key key)
{
    return scenario_now()->global.values[key].text;
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int length)
{
    CALL();
    return put_text(version, length, of_driver(K_driver));
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned int length)
{
    CALL();
    return put_text(version, length, of_driver(K_nvml));
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *cudaDriverVersion)
{
    CALL();
    return put((unsigned *)cudaDriverVersion, atoi(of_driver(K_cuda)));
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *cudaDriverVersion)
{
    CALL();
    return put((unsigned *)cudaDriverVersion, atoi(of_driver(K_cuda)));
}

nvmlReturn_t nvmlSystemGetProcessName(unsigned int pid, char *name, unsigned int length)
{
    CALL();
    char path[32];
    snprintf(path, sizeof path, "/proc/%u/cmdline", pid);
    char *command = read_text(path);
    size_t size = *command ? strlen(command) : 0;
    nvmlReturn_t code = size ? put_text(name, length, command) : NVML_ERROR_NOT_FOUND;
    free(command);
    return code;
}

#define TEXT(function, key)                                                              \
    nvmlReturn_t function(nvmlDevice_t device, char *to, unsigned int length)            \
    {                                                                                    \
        DEVICE_CALL(device, ANY);                                                        \
        return put_text(to, length, text(&gpu, key));                                    \
    }

TEXT(nvmlDeviceGetSerial, K_serial)
TEXT(nvmlDeviceGetVbiosVersion, K_vbios)

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length)
{
    DEVICE_CALL(device, ANY);
    char buffer[64];
    return put_text(uuid, length, uuid_of(&gpu, buffer, sizeof buffer));
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length)
{
    DEVICE_CALL(device, ANY);
    return put_text(name, length, text(&gpu, K_name));
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor)
{
    DEVICE_CALL(device, ANY);
    nvmlReturn_t code = put((unsigned *)major, number(&gpu, K_cc_major));
    return code ? code : put((unsigned *)minor, number(&gpu, K_cc_minor));
}

static int numa_of(const struct view *gpu, nvmlDevice_t device)
{
    return (int)gpu->scenario->gpu[device->index].values[K_numa].number;
}

nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(nvmlDevice_t device1, nvmlDevice_t device2, nvmlGpuTopologyLevel_t *pathInfo)
{
    DEVICE_CALL(device1, BOARD);
    if (!is_handle(device2))
        return NVML_ERROR_INVALID_ARGUMENT;
    double given = number(&gpu, K_topology);
    bool near = numa_of(&gpu, device1) == numa_of(&gpu, device2);
    return put(pathInfo, device1 == device2 ? 0 : !isinf(given) ? given : near ? NVML_TOPOLOGY_NODE : NVML_TOPOLOGY_SYSTEM);
}

nvmlReturn_t nvmlDeviceGetP2PStatus(nvmlDevice_t device1, nvmlDevice_t device2, nvmlGpuP2PCapsIndex_t p2pIndex,
                                    nvmlGpuP2PStatus_t *p2pStatus)
{
    DEVICE_CALL(device1, BOARD);
    if (!is_handle(device2))
        return NVML_ERROR_INVALID_ARGUMENT;
    bool linked = number(&gpu, K_nvlinks) > 0 && !split(&gpu);
    bool good = p2pIndex != NVML_P2P_CAPS_INDEX_NVLINK || linked;
    *p2pStatus = good ? NVML_P2P_STATUS_OK : NVML_P2P_STATUS_NOT_SUPPORTED;
    return NVML_SUCCESS;
}
