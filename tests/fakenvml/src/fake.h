/* A fake NVIDIA driver: NVML's own symbols, answered from a scenario file. See ../README.md. */
#ifndef FAKENVML_H
#define FAKENVML_H

#define NVML_NO_UNVERSIONED_FUNC_DEFS
#include <math.h>
#include <nvml.h>
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#define MAX_GPUS 64
#define MAX_MIG 8
#define AUTO INFINITY /* the value of a key that says "auto"; "-" is NAN */

enum key {
#define KEY(name, text) K_##name,
#include "keys.h"
#undef KEY
    KEYS
};

/* ---- scenario.c: what the file says now ---- */

struct value {
    const char *text;
    double number;
};

struct rule { /* error.FUNCTION = CODE, latency.FUNCTION = SECONDS, hang.FUNCTION = SECONDS */
    const char *kind, *function;
    double number;
    struct rule *next;
};

struct process {
    unsigned pid, gi, ci, sm, memory_util, encoder, decoder;
    char kind; /* c(ompute), g(raphics), m(ps) */
    unsigned long long memory;
    struct process *next;
};

struct event {
    double time, every;
    unsigned long long type, data;
    unsigned gi, ci, count;
    struct event *next;
};

struct section {
    bool present;
    struct value values[KEYS];
    struct rule *rules;
    struct process *processes;
    struct event *events;
    struct timeline *power;
};

struct scenario {
    struct section global;
    struct section gpu[MAX_GPUS];
    struct section *mig[MAX_GPUS][MAX_MIG];
    int gpus;         /* only the sections of these are filled in */
    unsigned version; /* of the driver: 580.95.05 is 58095 */
    unsigned serial;  /* counts the edits this process has seen */
};

const struct scenario *scenario_now(void);
const struct rule *find_rule(const struct section *section, const char *kind, const char *function);
char *read_text(const char *path);

/* ---- profile.c: power over time, with its exact integral ---- */

struct timeline *timeline_new(void);
void timeline_parse(struct timeline *line, const char *text);
void timeline_add(struct timeline *line, double start, const char *profile);
double timeline_energy(const struct timeline *line, double epoch, double phase, double until);

/* ---- call.c: what every call goes through ---- */

struct view { /* a device at one moment */
    const struct scenario *scenario;
    const struct section *section;
    int index, mig; /* mig is -1 for a board */
    double now, span; /* utilization and its like are means over the last span seconds */
};

struct call {
    struct slot *slot;
    double started, nominal;
};

enum where { ANY, BOARD, WHOLE_BOARD }; /* MIG handles too; boards; boards that are not split */

double mono(void);
double unix_time(double at);
struct slot *slot_named(const char *name);
void slot_count(struct slot *slot);
nvmlReturn_t call_begin(struct call *call, struct slot **slot, const char *function);
nvmlReturn_t call_device(struct call *call, const char *function, nvmlDevice_t device, enum where where, struct view *gpu);
void call_end(struct call *call);
void call_wait(struct call *call, double seconds);
void sleep_until(double end);
double real_latency(const char *function);
double field_latency(unsigned id);

#define CALL()                                                              \
    static struct slot *slot_;                                              \
    struct call call __attribute__((cleanup(call_end)));                    \
    nvmlReturn_t code_ = call_begin(&call, &slot_, __func__);               \
    if (code_ != NVML_SUCCESS)                                              \
        return code_

#define DEVICE_CALL(device, where)                                          \
    CALL();                                                                 \
    struct view gpu;                                                        \
    code_ = call_device(&call, __func__, device, where, &gpu);              \
    if (code_ != NVML_SUCCESS)                                              \
        return code_

/* ---- handles.c ---- */

struct nvmlDevice_st {
    int index, mig;
};

extern struct nvmlDevice_st handles[MAX_GPUS][MAX_MIG + 1]; /* [gpu][0] is the board, [gpu][1 + slot] an instance */
bool is_handle(nvmlDevice_t device);
struct view view_of(const struct scenario *scenario, nvmlDevice_t device);
bool gpu_present(const struct scenario *scenario, int index);
bool gpu_lost(const struct scenario *scenario, int index);
const char *uuid_of(const struct view *gpu, char *buffer, size_t size);
bool initialised(void);
bool same_library(const struct scenario *scenario);

/* ---- physics.c: what a GPU reads at a moment ---- */

double number(const struct view *gpu, enum key key);
const char *text(const struct view *gpu, enum key key);
double energy_exact(const struct view *gpu, double at);
double energy_counter(const struct view *gpu);
double mean_power(const struct view *gpu, double at, double window);
double power_sample(const struct view *gpu, double at, double period);
double power_average(const struct view *gpu);
double power_instant(const struct view *gpu);
double busy(const struct view *gpu, enum key key, double share);
double temperature(const struct view *gpu, enum key key);
double clock_now(const struct view *gpu, unsigned type);
double clock_max(const struct view *gpu, unsigned type);
double clock_events(const struct view *gpu);
double memory_used(const struct view *gpu);
double counted(const struct view *gpu, enum key rate, double scale);
double uptime(const struct view *gpu);
double noise(uint64_t seed, uint64_t n);
int split(const struct view *gpu);

/* ---- answers ---- */

nvmlReturn_t put(unsigned *to, double value);
nvmlReturn_t put_long(unsigned long long *to, double value);
nvmlReturn_t put_text(char *to, unsigned length, const char *value);

#endif
