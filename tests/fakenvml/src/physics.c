/* What a GPU reads at a moment, from its power: the energy counter, the power sensors, and what follows from them. */
#include "fake.h"

#include <stdlib.h>
#include <string.h>

double number(const struct view *gpu, enum key key)
{
    return gpu->section->values[key].number;
}

const char *text(const struct view *gpu, enum key key)
{
    return gpu->section->values[key].text;
}

/* A number in [0, 1) drawn from (seed, n): splitmix64. */
double noise(uint64_t seed, uint64_t n)
{
    uint64_t z = seed * 0x9E3779B97F4A7C15ull + (n + 1) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return ((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

double energy_exact(const struct view *gpu, double at)
{
    const struct section *board = &gpu->scenario->gpu[gpu->index];
    double epoch = gpu->scenario->global.values[K_epoch].number;
    return timeline_energy(board->power, epoch, board->values[K_phase].number, at);
}

/* Watts over the window before a moment; what was before the driver was loaded does not count. */
double mean_power(const struct view *gpu, double at, double window)
{
    double from = fmax(at - window, gpu->scenario->global.values[K_epoch].number);
    double to = fmax(at, from + 1e-3);
    return (energy_exact(gpu, to) - energy_exact(gpu, from)) / (to - from);
}

static double update_time(const struct view *gpu, double k)
{
    double jitter = number(gpu, K_energy_jitter) * (2 * noise(gpu->index + 1, (uint64_t)k) - 1);
    double epoch = gpu->scenario->global.values[K_epoch].number;
    return epoch + number(gpu, K_energy_phase) + k * number(gpu, K_energy_period) + jitter;
}

/* A counter that does not integrate: each period counts as the mean power of its last part. */
static double sampled_energy(const struct view *gpu, double last, double period, double duty)
{
    static _Thread_local struct {
        const struct scenario *scenario;
        double last, sum;
    } known[MAX_GPUS]; /* so that a long run does not add up from its start each time */
    bool usable = known[gpu->index].scenario == gpu->scenario && known[gpu->index].last <= last;
    double sum = usable ? known[gpu->index].sum : 0;
    for (double k = usable ? known[gpu->index].last + 1 : 1; k <= last; k++)
        sum += period * mean_power(gpu, update_time(gpu, k), duty * period);
    known[gpu->index].scenario = gpu->scenario, known[gpu->index].last = last, known[gpu->index].sum = sum;
    return sum;
}

/* The number of the last update that is published by now. */
static double update_now(const struct view *gpu)
{
    double period = number(gpu, K_energy_period), seen = gpu->now - number(gpu, K_energy_delay);
    double k = ceil((seen - update_time(gpu, 0)) / period) + 1;
    while (k > 0 && update_time(gpu, k) > seen)
        k--;
    return k;
}

/* The exact integral at the last update that is published by now. */
static double published(const struct view *gpu)
{
    double period = number(gpu, K_energy_period), duty = number(gpu, K_energy_duty);
    if (!(period > 0))
        return energy_exact(gpu, gpu->now);
    double k = update_now(gpu);
    return duty < 1 ? sampled_energy(gpu, k, period, duty) : energy_exact(gpu, update_time(gpu, k));
}

/* Joules that the counter has missed because it was read: energy_polling seconds of the power at each read, and never
 * more than was drawn since the read before. What a read costs is missing from the next update on. */
static double missed_by_reads(const struct view *gpu)
{
    static _Thread_local struct {
        double epoch, update, exact, shown, sum;
    } reads[MAX_GPUS];
    double epoch = gpu->scenario->global.values[K_epoch].number, exact = energy_exact(gpu, gpu->now);
    double update = number(gpu, K_energy_period) > 0 ? update_now(gpu) : gpu->now;
    if (reads[gpu->index].epoch != epoch)
        memset(&reads[gpu->index], 0, sizeof reads[gpu->index]), reads[gpu->index].epoch = epoch;
    if (reads[gpu->index].update != update)
        reads[gpu->index].update = update, reads[gpu->index].shown = reads[gpu->index].sum;
    double lost = number(gpu, K_energy_polling) * mean_power(gpu, gpu->now, 1e-3);
    if (reads[gpu->index].exact > 0)
        reads[gpu->index].sum += fmin(lost, 0.95 * (exact - reads[gpu->index].exact));
    reads[gpu->index].exact = exact;
    return reads[gpu->index].shown;
}

/* A change of power that reaches us late must not let the counter fall. */
static double never_falling(const struct view *gpu, double joules)
{
    static _Thread_local struct {
        double epoch, joules;
    } shown[MAX_GPUS];
    double epoch = gpu->scenario->global.values[K_epoch].number;
    if (shown[gpu->index].epoch != epoch || shown[gpu->index].joules < joules)
        shown[gpu->index].epoch = epoch, shown[gpu->index].joules = joules;
    return shown[gpu->index].joules;
}

/* Joules as the counter shows them now. */
double energy_counter(const struct view *gpu)
{
    double given = number(gpu, K_energy), start = number(gpu, K_energy_start);
    if (!isinf(given))
        return given;
    double counted = number(gpu, K_energy_gain) * published(gpu);
    return start + never_falling(gpu, number(gpu, K_energy_polling) > 0 ? counted - missed_by_reads(gpu) : counted);
}

/* Watts off the truth at the n-th update of a sensor: evenly within +- power_noise. */
static double power_noise(const struct view *gpu, double n)
{
    return number(gpu, K_power_noise) * (2 * noise(gpu->index + 977, (uint64_t)n) - 1);
}

/* A sensor that shows, since its last update, the mean over the window before that update; late by the delay. */
static double sensor(const struct view *gpu, enum key window)
{
    double period = number(gpu, K_power_period), span = number(gpu, window);
    double phase = number(gpu, K_power_phase), seen = gpu->now - number(gpu, K_power_delay);
    double at = period > 0 ? floor((seen - phase) / period) * period + phase : seen;
    return fmax(0, mean_power(gpu, at, fmax(span, 1e-6)) + power_noise(gpu, at / fmax(period, 1e-3)));
}

/* An entry of the driver's own buffer: the mean over its window, which ends at the entry's true moment. */
double power_sample(const struct view *gpu, double at, double period)
{
    double window = number(gpu, K_samples_window);
    return fmax(0, mean_power(gpu, at, isinf(window) ? period : window) + power_noise(gpu, at / period));
}

double power_average(const struct view *gpu)
{
    return sensor(gpu, K_power_average_window);
}

double power_instant(const struct view *gpu)
{
    return sensor(gpu, K_power_instant_window);
}

static double load(const struct view *gpu)
{
    double idle = number(gpu, K_power_idle), limit = number(gpu, K_power_limit);
    double share = (mean_power(gpu, gpu->now, gpu->span) - idle) / (limit - idle);
    return share < 0.005 ? 0 : fmin(share, 1);
}

/* A key, or where it is auto a percentage that follows power. */
double busy(const struct view *gpu, enum key key, double share)
{
    double given = number(gpu, key);
    return isinf(given) ? fmin(100, 100 * share * sqrt(load(gpu))) : given;
}

double temperature(const struct view *gpu, enum key key)
{
    double given = number(gpu, key);
    double above = key == K_temperature_memory ? 6 : 0;
    return isinf(given) ? round(number(gpu, K_temperature_idle) + above + 45 * load(gpu)) : given;
}

double clock_max(const struct view *gpu, unsigned type)
{
    static const enum key of[] = {K_clock_sm_max, K_clock_sm_max, K_clock_memory_max, K_clock_video_max};
    return type < 4 ? number(gpu, of[type]) : -1;
}

double clock_now(const struct view *gpu, unsigned type)
{
    static const enum key of[] = {K_clock_graphics, K_clock_sm, K_clock_memory, K_clock_video};
    double given = type < 4 ? number(gpu, of[type]) : -1;
    if (!isinf(given))
        return given;
    return load(gpu) > 0 ? clock_max(gpu, type) * (1 - 0.15 * load(gpu)) : number(gpu, K_clock_idle);
}

double clock_events(const struct view *gpu)
{
    double given = number(gpu, K_clock_events), share = load(gpu);
    if (!isinf(given))
        return given;
    return share == 0 ? nvmlClocksEventReasonGpuIdle : share > 0.98 ? nvmlClocksEventReasonSwPowerCap : 0;
}

static bool on_instance(const struct view *gpu, const struct process *p)
{
    return gpu->mig < 0 || (p->gi == number(gpu, K_gi) && p->ci == number(gpu, K_ci));
}

double memory_used(const struct view *gpu)
{
    double sum = number(gpu, K_memory_used);
    const struct section *board = &gpu->scenario->gpu[gpu->index];
    for (const struct process *p = board->processes; p; p = p->next)
        if (on_instance(gpu, p) && p->memory != ~0ull)
            sum += p->memory;
    return sum;
}

/* A counter that grows at a steady rate from the driver's start. */
double counted(const struct view *gpu, enum key rate, double scale)
{
    return floor(number(gpu, rate) * scale * (gpu->now - gpu->scenario->global.values[K_epoch].number));
}

double uptime(const struct view *gpu)
{
    double given = number(gpu, K_uptime);
    return isinf(given) ? floor(gpu->now - gpu->scenario->global.values[K_epoch].number) : given;
}

int split(const struct view *gpu)
{
    return gpu->scenario->gpu[gpu->index].values[K_mig].number > 0;
}
