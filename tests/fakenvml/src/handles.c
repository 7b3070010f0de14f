/* Opening and closing the driver, and who is there: handles, identities, GPUs lost and gone. */
#define _GNU_SOURCE
#include "fake.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct nvmlDevice_st handles[MAX_GPUS][MAX_MIG + 1];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int opened;             /* how many nvmlInit are not yet shut down */
static double opened_at;       /* when the first of them came */
static char library[32] = "";  /* the driver's version when this library was first opened: it stays mapped */

__attribute__((constructor)) static void number_handles(void)
{
    for (int g = 0; g < MAX_GPUS; g++)
        for (int m = 0; m <= MAX_MIG; m++)
            handles[g][m] = (struct nvmlDevice_st){g, m - 1};
}

bool initialised(void)
{
    return opened > 0;
}

bool same_library(const struct scenario *scenario)
{
    return !*library || !strcmp(library, scenario->global.values[K_driver].text);
}

bool is_handle(nvmlDevice_t device)
{
    return device >= &handles[0][0] && device <= &handles[MAX_GPUS - 1][MAX_MIG];
}

bool gpu_present(const struct scenario *scenario, int index)
{
    return index < scenario->gpus && !scenario->gpu[index].values[K_gone].number;
}

/* Lost from lost_at on. At back_at it is there again, but for whoever opened the driver before that only after nvmlInit. */
bool gpu_lost(const struct scenario *scenario, int index)
{
    const struct value *values = scenario->gpu[index].values;
    double lost = values[K_lost_at].number, back = values[K_back_at].number, now = mono();
    if (!(now >= lost))
        return false;
    if (!(now >= back))
        return true;
    return values[K_back_needs_init].number && opened_at < back;
}

struct view view_of(const struct scenario *scenario, nvmlDevice_t device)
{
    const struct section *board = &scenario->gpu[device->index];
    const struct section *section = device->mig < 0 ? board : scenario->mig[device->index][device->mig];
    if (device->mig >= 0 && !board->values[K_mig].number)
        section = NULL; /* the instance is gone */
    return (struct view){scenario, section, device->index, device->mig, mono(), 0.25};
}

const char *uuid_of(const struct view *gpu, char *buffer, size_t size)
{
    const char *given = text(gpu, K_uuid);
    if (gpu->mig < 0)
        snprintf(buffer, size, "GPU-fa4e%04x-5c1b-4d2e-9f30-%012x", gpu->index, 0xa11ce000 + gpu->index);
    else
        snprintf(buffer, size, "MIG-fa4e%04x-5c1b-5d2e-8f3%x-%012x", gpu->index, gpu->mig, 0xa11ce000 + gpu->index);
    bool own = *given && (gpu->mig < 0 || given != gpu->scenario->gpu[gpu->index].values[K_uuid].text);
    return own ? given : buffer;
}

static nvmlReturn_t open_driver(void)
{
    const struct scenario *scenario = scenario_now();
    nvmlReturn_t error = (nvmlReturn_t)scenario->global.values[K_init_error].number;
    if (error != NVML_SUCCESS)
        return error;
    if (!same_library(scenario))
        return NVML_ERROR_LIB_RM_VERSION_MISMATCH;
    pthread_mutex_lock(&lock);
    if (opened++ == 0) {
        opened_at = mono();
        snprintf(library, sizeof library, "%s", scenario->global.values[K_driver].text);
    }
    pthread_mutex_unlock(&lock);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlInitWithFlags(unsigned int flags)
{
    CALL();
    (void)flags;
    return open_driver();
}

nvmlReturn_t nvmlInit_v2(void)
{
    CALL();
    return open_driver();
}

nvmlReturn_t nvmlInit(void)
{
    CALL();
    return open_driver();
}

nvmlReturn_t nvmlShutdown(void)
{
    CALL();
    pthread_mutex_lock(&lock);
    nvmlReturn_t code = opened > 0 ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
    opened -= opened > 0;
    pthread_mutex_unlock(&lock);
    return code;
}

static nvmlReturn_t give(const struct scenario *scenario, int index, nvmlDevice_t *device)
{
    if (gpu_lost(scenario, index))
        return NVML_ERROR_GPU_IS_LOST;
    *device = &handles[index][0];
    return NVML_SUCCESS;
}

static nvmlReturn_t count(unsigned int *to)
{
    const struct scenario *scenario = scenario_now();
    *to = 0;
    for (int g = 0; g < MAX_GPUS; g++)
        *to += gpu_present(scenario, g);
    return NVML_SUCCESS;
}

/* A GPU that is gone from the bus takes no index: those after it move up. */
static nvmlReturn_t by_index(unsigned int index, nvmlDevice_t *device)
{
    const struct scenario *scenario = scenario_now();
    for (int g = 0; g < MAX_GPUS; g++)
        if (gpu_present(scenario, g) && index-- == 0) {
            const struct rule *rule = find_rule(&scenario->gpu[g], "error", "nvmlDeviceGetHandleByIndex_v2");
            return rule ? (nvmlReturn_t)rule->number : give(scenario, g, device);
        }
    return NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *deviceCount)
{
    CALL();
    return count(deviceCount);
}

nvmlReturn_t nvmlDeviceGetCount(unsigned int *deviceCount)
{
    CALL();
    return count(deviceCount);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device)
{
    CALL();
    return by_index(index, device);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t *device)
{
    CALL();
    return by_index(index, device);
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
    CALL();
    const struct scenario *scenario = scenario_now();
    char buffer[64];
    for (nvmlDevice_t each = &handles[0][0]; is_handle(each); each++) {
        struct view gpu = view_of(scenario, each);
        if (!gpu.section || !gpu_present(scenario, each->index) || strcmp(uuid, uuid_of(&gpu, buffer, sizeof buffer)))
            continue;
        if (gpu_lost(scenario, each->index))
            return NVML_ERROR_GPU_IS_LOST;
        *device = each;
        return NVML_SUCCESS;
    }
    return NVML_ERROR_NOT_FOUND;
}

static unsigned bus_of(const struct view *gpu)
{
    double bus = number(gpu, K_pci_bus);
    return isinf(bus) ? 0x10u + 8 * gpu->index % 0xf0 + gpu->index / 30 : (unsigned)bus;
}

static void fill_pci(const struct view *gpu, nvmlPciInfo_t *pci)
{
    memset(pci, 0, sizeof *pci);
    pci->bus = bus_of(gpu);
    pci->pciDeviceId = 0x233510de;
    pci->pciSubSystemId = 0x18be10de;
    snprintf(pci->busId, sizeof pci->busId, NVML_DEVICE_PCI_BUS_ID_FMT, NVML_DEVICE_PCI_BUS_ID_FMT_ARGS(pci));
    snprintf(pci->busIdLegacy, sizeof pci->busIdLegacy, NVML_DEVICE_PCI_BUS_ID_LEGACY_FMT,
             NVML_DEVICE_PCI_BUS_ID_FMT_ARGS(pci));
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *pciBusId, nvmlDevice_t *device)
{
    CALL();
    const struct scenario *scenario = scenario_now();
    unsigned domain = 0, bus = 0;
    if (sscanf(pciBusId, "%x:%x", &domain, &bus) != 2)
        return NVML_ERROR_INVALID_ARGUMENT;
    for (int g = 0; g < MAX_GPUS; g++) {
        struct view gpu = view_of(scenario, &handles[g][0]);
        if (gpu_present(scenario, g) && bus_of(&gpu) == bus)
            return give(scenario, g, device);
    }
    return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
    DEVICE_CALL(device, ANY);
    fill_pci(&gpu, pci);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo_v2(nvmlDevice_t device, unsigned int link, nvmlPciInfo_t *pci)
{
    DEVICE_CALL(device, WHOLE_BOARD);
    if (!(link < number(&gpu, K_nvlinks)))
        return NVML_ERROR_INVALID_ARGUMENT;
    memset(pci, 0, sizeof *pci); /* a switch: every link ends on one of four */
    pci->bus = 0x05 + link % 4;
    snprintf(pci->busId, sizeof pci->busId, NVML_DEVICE_PCI_BUS_ID_FMT, NVML_DEVICE_PCI_BUS_ID_FMT_ARGS(pci));
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetNvLinkRemoteDeviceType(nvmlDevice_t device, unsigned int link, nvmlIntNvLinkDeviceType_t *type)
{
    DEVICE_CALL(device, WHOLE_BOARD);
    if (!(link < number(&gpu, K_nvlinks)))
        return NVML_ERROR_INVALID_ARGUMENT;
    *type = NVML_NVLINK_DEVICE_TYPE_SWITCH;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned int *index)
{
    DEVICE_CALL(device, ANY);
    *index = 0;
    for (int g = 0; g < gpu.index; g++)
        *index += gpu_present(gpu.scenario, g);
    return NVML_SUCCESS;
}
