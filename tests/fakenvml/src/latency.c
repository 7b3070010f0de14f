/* Seconds per call, as timed on one RTX 5090 with driver 610.57.04 by a third party; what is not listed takes 1 us. */
#include "fake.h"

#include <string.h>

static const struct {
    const char *function;
    double seconds;
} table[] = {
    {"nvmlInitWithFlags", 4e-3}, {"nvmlInit_v2", 4e-3}, {"nvmlInit", 4e-3},
    {"nvmlDeviceGetMemoryInfo_v2", 3e-6}, {"nvmlDeviceGetMemoryInfo", 3e-6}, {"nvmlDeviceGetBAR1MemoryInfo", 84e-6},
    {"nvmlDeviceGetPowerManagementLimit", 122e-6}, {"nvmlDeviceGetNumGpuCores", 180e-6},
    {"nvmlDeviceGetMemoryBusWidth", 180e-6},
    {"nvmlDeviceGetComputeRunningProcesses_v3", 165e-6}, {"nvmlDeviceGetGraphicsRunningProcesses_v3", 165e-6},
    {"nvmlDeviceGetMPSComputeRunningProcesses_v3", 165e-6}, {"nvmlDeviceGetComputeRunningProcesses_v2", 165e-6},
    {"nvmlDeviceGetGraphicsRunningProcesses_v2", 165e-6}, {"nvmlDeviceGetComputeRunningProcesses", 165e-6},
    {"nvmlDeviceGetGraphicsRunningProcesses", 165e-6}, {"nvmlDeviceGetNumFans", 0.4e-3},
    {"nvmlDeviceGetFanSpeed", 0.4e-3}, {"nvmlDeviceGetFanSpeed_v2", 0.4e-3}, {"nvmlDeviceGetFanSpeedRPM", 0.4e-3},
    {"nvmlDeviceGetMarginTemperature", 0.56e-3}, {"nvmlDeviceGetSamples", 1.5e-3},
    {"nvmlDeviceGetProcessUtilization", 1.7e-3}, {"nvmlDeviceGetProcessesUtilizationInfo", 1.7e-3},
    {"nvmlDeviceGetTotalEnergyConsumption", 2.5e-3}, {"nvmlDeviceGetPcieThroughput", 0}, /* sleeps 20 ms by itself */
    {"nvmlEventSetWait_v2", 0}, {"nvmlEventSetWait", 0}, {"nvmlDeviceGetFieldValues", 0}, /* as its fields take */
};

static const struct {
    unsigned first, last;
    double seconds;
} fields[] = {
    {82, 82, 1.2e-3}, {83, 83, 2.5e-3}, {191, 191, 2.5e-3}, {185, 185, 3.3e-3}, {186, 186, 3e-6}, {197, 198, 0.3e-3},
};

double real_latency(const char *function)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].function, function))
            return table[i].seconds;
    return 0.5e-6;
}

double field_latency(unsigned id)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (id >= fields[i].first && id <= fields[i].last)
            return fields[i].seconds;
    return 1e-6;
}
