/* nvmlDeviceGetFieldValues: one row per field; since is the first driver that knows it (580.95 is 58095). */
#define _GNU_SOURCE
#include "fake.h"

#include <stdio.h>
#include <string.h>

#define ALL_LINKS 0xFFFFFFFFu

enum { D = NVML_VALUE_TYPE_DOUBLE, U = NVML_VALUE_TYPE_UNSIGNED_INT, L = NVML_VALUE_TYPE_UNSIGNED_LONG_LONG,
       S = NVML_VALUE_TYPE_SIGNED_INT };

/* How a field is made from its key: as it is, in mW, or by a function of its own. */
typedef double reader(const struct view *gpu, enum key key, unsigned scope);

static double plain(const struct view *gpu, enum key key, unsigned scope)
{
    (void)scope;
    return number(gpu, key);
}

static double milliwatts(const struct view *gpu, enum key key, unsigned scope)
{
    return scope > 0 && scope != ALL_LINKS ? NAN : number(gpu, key) * 1e3; /* scope 1: a Grace module */
}

static double average_milliwatts(const struct view *gpu, enum key key, unsigned scope)
{
    (void)key;
    return scope ? NAN : power_average(gpu) * 1e3;
}

static double instant_milliwatts(const struct view *gpu, enum key key, unsigned scope)
{
    (void)key;
    return scope ? NAN : power_instant(gpu) * 1e3;
}

static double millijoules(const struct view *gpu, enum key key, unsigned scope)
{
    (void)key;
    return scope ? NAN : floor(energy_counter(gpu) * 1e3 + 1e-6);
}

static double warmth(const struct view *gpu, enum key key, unsigned scope)
{
    (void)scope;
    return temperature(gpu, key);
}

static double of_board(const struct view *gpu, enum key key, unsigned scope)
{
    return split(gpu) ? NAN : plain(gpu, key, scope);
}

static double with_ecc(const struct view *gpu, enum key key, unsigned scope)
{
    return number(gpu, K_ecc) > 0 ? plain(gpu, key, scope) : NAN;
}

/* Nanoseconds held back: the key is the share of time. */
static double held(const struct view *gpu, enum key key, unsigned scope)
{
    (void)scope;
    return counted(gpu, key, 1e9);
}

static double pcie_bytes(const struct view *gpu, enum key key, unsigned scope)
{
    (void)scope;
    double bytes = counted(gpu, key, 1);
    return number(gpu, K_pcie_bits) < 64 ? fmod(bytes, exp2(number(gpu, K_pcie_bits))) : bytes;
}

/* One link (scope), or all of them; the rate is that of all links together. */
static double over_links(const struct view *gpu, double all, unsigned scope)
{
    double links = number(gpu, K_nvlinks);
    if (!(links > 0) || split(gpu))
        return NAN;
    return scope == ALL_LINKS ? all : scope < links ? floor(all / links) : NAN;
}

static double link_kibibytes(const struct view *gpu, enum key key, unsigned scope)
{
    return number(gpu, K_nvlink_version) < 5 ? over_links(gpu, counted(gpu, key, 1 / 1024.0), scope) : NAN;
}

static double link_bytes(const struct view *gpu, enum key key, unsigned scope)
{
    return number(gpu, K_nvlink_version) >= 5 ? over_links(gpu, counted(gpu, key, 1), scope) : NAN;
}

static double link_errors(const struct view *gpu, enum key key, unsigned scope)
{
    double errors = number(gpu, key);
    return scope == ALL_LINKS || scope == 0 ? over_links(gpu, errors, ALL_LINKS) : over_links(gpu, 0, scope);
}

/* NVLink 5 counts other things than those before it. */
static double link5_errors(const struct view *gpu, enum key key, unsigned scope)
{
    return number(gpu, K_nvlink_version) >= 5 ? link_errors(gpu, key, scope) : NAN;
}

static double link5_fact(const struct view *gpu, enum key key, unsigned scope)
{
    return number(gpu, K_nvlink_version) >= 5 && !split(gpu) && scope < number(gpu, K_nvlinks) ? number(gpu, key) : NAN;
}

static double link_fact(const struct view *gpu, enum key key, unsigned scope)
{
    return number(gpu, K_nvlinks) > scope || scope == ALL_LINKS ? number(gpu, key) : NAN;
}

static double link_version(const struct view *gpu, enum key key, unsigned scope)
{
    static const double of[] = {NAN, 1, 2, 5, 6, 7}; /* NVML_NVLINK_VERSION_…, by generation */
    double generation = link_fact(gpu, key, scope);
    return generation >= 1 && generation <= 5 ? of[(int)generation] : NAN;
}

static double link_speed(const struct view *gpu, enum key key, unsigned scope)
{
    return split(gpu) ? 0 : link_fact(gpu, key, scope);
}

static double link_state(const struct view *gpu, enum key key, unsigned scope)
{
    bool down = split(gpu) || scope < number(gpu, K_nvlink_down);
    return isnan(link_fact(gpu, key, scope)) ? NAN : !down;
}

static double smoothing(const struct view *gpu, enum key key, unsigned scope)
{
    (void)gpu, (void)scope;
    return key; /* power smoothing: what a reader with the wrong numbering takes for a throttle time */
}

struct field {
    unsigned id, since, before;
    int type;
    reader *read;
    enum key key;
};

#define ALWAYS 0, 0
#define SINCE(version) version, 0
#define NEW_NUMBERS 58082, 0
#define OLD_NUMBERS 57500, 58082

static const struct field fields[] = {
    {1, ALWAYS, U, plain, K_ecc}, {2, ALWAYS, U, plain, K_ecc},
    {3, ALWAYS, L, with_ecc, K_ecc_corrected}, {4, ALWAYS, L, with_ecc, K_ecc_uncorrected},
    {5, ALWAYS, L, with_ecc, K_ecc_corrected_lifetime}, {6, ALWAYS, L, with_ecc, K_ecc_uncorrected_lifetime},
    {29, ALWAYS, U, plain, K_retired_pages}, {30, ALWAYS, U, plain, K_retired_pages},
    {31, ALWAYS, U, plain, K_retired_pending}, {92, ALWAYS, U, plain, K_retired_pending},
    {93, ALWAYS, U, plain, K_retired_pending},
    {38, ALWAYS, L, link_errors, K_nvlink_crc_errors}, {45, ALWAYS, L, link_errors, K_nvlink_crc_errors},
    {52, ALWAYS, L, link_errors, K_nvlink_replays}, {59, ALWAYS, L, link_errors, K_nvlink_recoveries},
    {74, ALWAYS, L, held, K_held_power_cap}, {75, ALWAYS, L, held, K_held_thermal},
    {76, ALWAYS, L, held, K_held_sync_boost},
    {82, ALWAYS, U, warmth, K_temperature_memory}, {83, ALWAYS, L, millijoules, K_energy},
    {90, ALWAYS, U, link_speed, K_nvlink_speed}, {91, ALWAYS, U, plain, K_nvlinks},
    {94, ALWAYS, U, plain, K_pcie_replay}, {95, ALWAYS, U, plain, K_pcie_replay},
    {84, ALWAYS, U, link_speed, K_nvlink_speed}, {85, ALWAYS, U, link_speed, K_nvlink_speed},
    {86, ALWAYS, U, link_speed, K_nvlink_speed}, {87, ALWAYS, U, link_speed, K_nvlink_speed},
    {88, ALWAYS, U, link_speed, K_nvlink_speed}, {89, ALWAYS, U, link_speed, K_nvlink_speed},
    {138, ALWAYS, L, link_kibibytes, K_nvlink_tx_rate}, {139, ALWAYS, L, link_kibibytes, K_nvlink_rx_rate},
    {140, ALWAYS, L, link_kibibytes, K_nvlink_tx_rate}, {141, ALWAYS, L, link_kibibytes, K_nvlink_rx_rate},
    {142, ALWAYS, U, of_board, K_remapped_correctable}, {143, ALWAYS, U, of_board, K_remapped_uncorrectable},
    {144, ALWAYS, U, of_board, K_remap_pending}, {145, ALWAYS, U, of_board, K_remap_failure},
    {160, ALWAYS, L, link_errors, K_nvlink_crc_errors}, {161, ALWAYS, L, link_errors, K_nvlink_replays},
    {162, ALWAYS, L, link_errors, K_nvlink_recoveries}, {163, ALWAYS, L, link_errors, K_nvlink_crc_errors},
    {164, ALWAYS, U, link_speed, K_nvlink_speed}, {165, ALWAYS, U, link_state, K_nvlinks},
    {166, ALWAYS, U, link_version, K_nvlink_version},
    {173, ALWAYS, U, plain, K_pcie_errors}, {180, ALWAYS, U, plain, K_pcie_fatal_errors},
    {185, ALWAYS, U, average_milliwatts, K_power}, {186, ALWAYS, U, instant_milliwatts, K_power},
    {187, ALWAYS, U, milliwatts, K_power_limit_min}, {188, ALWAYS, U, milliwatts, K_power_limit_max},
    {189, ALWAYS, U, milliwatts, K_power_limit_default}, {190, ALWAYS, U, milliwatts, K_power_limit},
    {191, SINCE(53500), L, millijoules, K_energy}, {192, SINCE(53500), U, milliwatts, K_power_limit},
    {193, ALWAYS, S, plain, K_tlimit_shutdown}, {194, ALWAYS, S, plain, K_tlimit_slowdown},
    {195, ALWAYS, S, plain, K_tlimit_memory_max}, {196, ALWAYS, S, plain, K_tlimit_max},
    {197, SINCE(55500), L, pcie_bytes, K_pcie_tx_rate}, {198, SINCE(55500), L, pcie_bytes, K_pcie_rx_rate},
    {202, SINCE(56000), L, link_bytes, K_nvlink_tx_rate}, {204, SINCE(56000), L, link_bytes, K_nvlink_rx_rate},
    {208, SINCE(56000), L, link5_errors, K_nvlink_errors}, {214, SINCE(56000), L, link5_errors, K_nvlink_recovery_failures},
    {215, SINCE(56000), L, link5_errors, K_nvlink_recoveries}, {220, SINCE(56000), L, link5_fact, K_nvlink_ber},
    {230, SINCE(57000), U, plain, K_recovery_action},
    {251, OLD_NUMBERS, L, held, K_held_thermal}, {252, OLD_NUMBERS, L, held, K_held_hw_thermal},
    {253, OLD_NUMBERS, L, held, K_held_power_brake},
    {251, NEW_NUMBERS, U, smoothing, 1}, {252, NEW_NUMBERS, U, smoothing, 2}, {253, NEW_NUMBERS, U, smoothing, 1},
    {256, OLD_NUMBERS, U, smoothing, 1}, {257, OLD_NUMBERS, U, smoothing, 2}, {269, OLD_NUMBERS, U, smoothing, 40},
    {270, OLD_NUMBERS, U, smoothing, 41}, {271, OLD_NUMBERS, U, smoothing, 42},
    {269, NEW_NUMBERS, L, held, K_held_thermal}, {270, NEW_NUMBERS, L, held, K_held_hw_thermal},
    {271, NEW_NUMBERS, L, held, K_held_power_brake},
};

static const struct field *find(unsigned id, unsigned version)
{
    for (const struct field *field = fields; field < fields + sizeof fields / sizeof *fields; field++)
        if (field->id == id && version >= field->since && (!field->before || version < field->before))
            return field;
    return NULL;
}

static nvmlValue_t as(int type, double value)
{
    nvmlValue_t to = {0};
    switch (type) {
    case D: to.dVal = value; break;
    case U: to.uiVal = (unsigned)llround(value); break;
    case S: to.siVal = (int)llround(value); break;
    default: to.ullVal = (unsigned long long)value;
    }
    return to;
}

static void answer(const struct view *gpu, nvmlFieldValue_t *to)
{
    const struct field *field = find(to->fieldId, gpu->scenario->version);
    char name[24];
    snprintf(name, sizeof name, "field:%u", to->fieldId);
    slot_count(slot_named(name));
    if (number(gpu, K_ecc_quirk) && number(gpu, K_ecc) == 0 && to->fieldId >= 3 && to->fieldId <= 28)
        return; /* some drivers do not touch the structure then: it reads as a success of zeros */
    const struct rule *rule = find_rule(gpu->section, "error", name);
    if (!rule)
        rule = find_rule(&gpu->scenario->global, "error", name);
    double value = field && gpu->mig < 0 ? field->read(gpu, field->key, to->scopeId) : NAN;
    to->nvmlReturn = rule ? (nvmlReturn_t)rule->number : isnan(value) ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
    if (to->nvmlReturn != NVML_SUCCESS)
        return; /* value, type and timestamp stay as the caller left them, as in the real driver */
    bool narrow = (to->fieldId == 197 || to->fieldId == 198) && number(gpu, K_pcie_bits) <= 32;
    to->valueType = narrow ? U : field->type;
    to->value = as(to->valueType, value);
    if (to->fieldId == 82 && gpu->scenario->version / 100 == 545)
        to->valueType = NVML_VALUE_TYPE_DOUBLE; /* r545 says double and gives an unsigned */
    to->timestamp = (long long)(unix_time(gpu->now) * 1e6);
    to->latencyUsec = 0;
}

/* A batch takes as long as its slowest field. */
static double slowest(const nvmlFieldValue_t *values, int count)
{
    double most = 0;
    for (int i = 0; i < count; i++)
        most = fmax(most, field_latency(values[i].fieldId));
    return most;
}

nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int valuesCount, nvmlFieldValue_t *values)
{
    DEVICE_CALL(device, ANY);
    if (!strcmp(gpu.scenario->global.values[K_latencies].text, "real"))
        call_wait(&call, slowest(values, valuesCount));
    gpu.now = mono();
    for (int i = 0; i < valuesCount; i++)
        answer(&gpu, &values[i]);
    return NVML_SUCCESS;
}
