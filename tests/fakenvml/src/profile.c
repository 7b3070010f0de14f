/* Power over time and its exact integral. profile.py is the same in Python: change both.
 *
 * A timeline is a list of segments "[TIME=]PROFILE"; each holds from TIME (CLOCK_MONOTONIC seconds) until the next. */
#include "fake.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PARTS 32

struct part {
    double watts, seconds;
};

struct profile {
    char kind; /* s(teps, cyclic), r(amp, then constant), b(ursts) */
    int parts;
    struct part *part;    /* steps */
    double low, high;     /* ramp: from, to; bursts: idle, peak */
    double length, slot;  /* of the ramp or the burst; the time in which one burst falls */
    uint64_t seed;
    double cycle, cycle_energy;
};

struct segment {
    double start;
    struct profile profile;
};

struct timeline {
    int count, room;
    struct segment *segments;
};

static int numbers(const char *text, double *to, int most)
{
    int n = 0;
    for (char *end; n < most && *text; text = *end ? end + 1 : end)
        to[n++] = strtod(text, &end);
    return n;
}

static void add_part(struct profile *profile, double watts, double seconds)
{
    profile->part = realloc(profile->part, (profile->parts + 1) * sizeof *profile->part);
    profile->part[profile->parts++] = (struct part){watts, seconds};
    profile->cycle += seconds;
    profile->cycle_energy += watts * seconds;
}

static void parse_steps(struct profile *profile, const char *text)
{
    double pair[2 * MAX_PARTS]; /* W@s,W@s,… */
    int n = numbers(text, pair, 2 * MAX_PARTS);
    for (int i = 0; i + 1 < n; i += 2)
        add_part(profile, pair[i], pair[i + 1]);
}

static void parse_square(struct profile *profile, const char *text)
{
    double a[4] = {0, 0, 1, 0.5}; /* low, high, hertz, share of the high part, which comes first */
    numbers(text, a, 4);
    add_part(profile, a[1], a[3] / a[2]);
    add_part(profile, a[0], (1 - a[3]) / a[2]);
}

static void parse_ramp(struct profile *profile, const char *text)
{
    double a[3] = {0, 0, 1}; /* from, to, seconds */
    numbers(text, a, 3);
    *profile = (struct profile){.kind = 'r', .low = a[0], .high = a[1], .length = a[2]};
}

static void parse_bursts(struct profile *profile, const char *text)
{
    double a[5] = {0, 0, 0.02, 5, 1}; /* idle, peak, length, per second, seed */
    numbers(text, a, 5);
    *profile = (struct profile){.kind = 'b', .low = a[0], .high = a[1], .length = a[2], .slot = 1 / a[3], .seed = a[4]};
}

static struct profile parse(const char *text)
{
    struct profile profile = {.kind = 's'};
    const char *values = strchr(text, ':');
    values = values ? values + 1 : text;
    if (!strncmp(text, "steps:", 6))
        parse_steps(&profile, values);
    else if (!strncmp(text, "square:", 7))
        parse_square(&profile, values);
    else if (!strncmp(text, "ramp:", 5))
        parse_ramp(&profile, values);
    else if (!strncmp(text, "bursts:", 7))
        parse_bursts(&profile, values);
    else
        add_part(&profile, strtod(values, NULL), 1);
    return profile;
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static double steps_energy(const struct profile *p, double x)
{
    double cycles = floor(x / p->cycle), rest = x - cycles * p->cycle, sum = cycles * p->cycle_energy;
    for (int i = 0; i < p->parts; rest -= p->part[i++].seconds)
        sum += p->part[i].watts * clamp(rest, 0, p->part[i].seconds);
    return sum;
}

static double ramp_energy(const struct profile *p, double x)
{
    double rising = fmin(x, p->length);
    double sum = p->low * rising + (p->high - p->low) * rising * rising / (2 * p->length);
    return sum + p->high * (x - rising);
}

/* One burst in each slot, at an offset drawn from the slot's number: random to a reader, exact to integrate. */
static double bursts_energy(const struct profile *p, double x)
{
    double n = floor(x / p->slot), offset = noise(p->seed, (uint64_t)n) * (p->slot - p->length);
    double busy = n * p->length + clamp(x - n * p->slot - offset, 0, p->length);
    return p->low * x + (p->high - p->low) * busy;
}

static double profile_energy(const struct profile *p, double x)
{
    return p->kind == 'r' ? ramp_energy(p, x) : p->kind == 'b' ? bursts_energy(p, x) : steps_energy(p, x);
}

struct timeline *timeline_new(void)
{
    return calloc(1, sizeof(struct timeline));
}

void timeline_add(struct timeline *line, double start, const char *profile)
{
    if (line->count == line->room) {
        line->room = line->room ? 2 * line->room : 8;
        line->segments = realloc(line->segments, line->room * sizeof *line->segments);
    }
    int at = line->count++;
    for (; at > 0 && line->segments[at - 1].start > start; at--)
        line->segments[at] = line->segments[at - 1];
    line->segments[at] = (struct segment){start, parse(profile)};
}

void timeline_parse(struct timeline *line, const char *text)
{
    char *copy = strdup(text), *next = copy;
    for (char *word; (word = strsep(&next, " \t")) != NULL;) {
        char *equals = strchr(word, '=');
        if (*word)
            timeline_add(line, equals ? strtod(word, NULL) : 0, equals ? equals + 1 : word);
    }
    free(copy);
}

/* Joules from epoch to until. Within a segment a profile's own time starts at the segment's start (or at epoch). */
double timeline_energy(const struct timeline *line, double epoch, double phase, double until)
{
    double sum = 0;
    for (int i = 0; i < line->count; i++) {
        double from = fmax(line->segments[i].start, epoch);
        double to = i + 1 < line->count ? fmin(line->segments[i + 1].start, until) : until;
        const struct profile *p = &line->segments[i].profile;
        if (to > from)
            sum += profile_energy(p, to - from + phase) - profile_energy(p, phase);
    }
    return sum;
}
