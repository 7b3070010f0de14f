/* The scenario file: "key = value" lines; [gpu 3] and [gpu 3 mig 0] open sections. Read again when it changes. */
#define _GNU_SOURCE
#include "fake.h"

#include <ctype.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK_EVERY 0.001 /* seconds between two looks at the files */

static const struct value defaults[KEYS] = {
#define KEY(name, text) {text, 0},
#include "keys.h"
#undef KEY
};
static const char *const key_names[KEYS] = {
#define KEY(name, text) #name,
#include "keys.h"
#undef KEY
};

char *read_text(const char *path)
{
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    struct stat about;
    if (file < 0 || fstat(file, &about))
        return strdup("");
    char *text = calloc(1, about.st_size + 1);
    ssize_t got = read(file, text, about.st_size);
    text[got > 0 ? got : 0] = 0;
    close(file);
    return text;
}

static struct value value_of(const char *text)
{
    if (!strcmp(text, "-"))
        return (struct value){text, NAN};
    if (!strcmp(text, "auto"))
        return (struct value){text, AUTO};
    return (struct value){text, strtod(text, NULL)};
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    for (char *end = text + strlen(text); end > text && isspace((unsigned char)end[-1]);)
        *--end = 0;
    return text;
}

/* The value of "name=…" among words, or fallback. */
static double word(const char *words, const char *name, double fallback)
{
    char pattern[32];
    snprintf(pattern, sizeof pattern, "%s=", name);
    const char *at = strstr(words, pattern);
    return at ? value_of(at[strlen(pattern)] == '-' ? "-" : at + strlen(pattern)).number : fallback;
}

static void add_process(struct section *section, const char *words)
{
    struct process *p = calloc(1, sizeof *p);
    double memory = word(words, "memory", 0), none = (double)0xFFFFFFFFu;
    const char *kind = strstr(words, "kind=");
    *p = (struct process){
        .pid = word(words, "pid", 0), .gi = word(words, "gi", none), .ci = word(words, "ci", none),
        .sm = word(words, "sm", 0), .memory_util = word(words, "mem", 0), .encoder = word(words, "enc", 0),
        .decoder = word(words, "dec", 0), .kind = kind ? kind[5] : 'c',
        .memory = isnan(memory) ? ~0ull : (unsigned long long)memory, .next = section->processes};
    section->processes = p;
}

static void add_event(struct section *section, const char *words)
{
    struct event *e = calloc(1, sizeof *e);
    double none = (double)0xFFFFFFFFu;
    *e = (struct event){.time = word(words, "time", 0), .every = word(words, "every", 0.001),
        .type = word(words, "type", nvmlEventTypeXidCriticalError), .data = word(words, "data", 0),
        .gi = word(words, "gi", none), .ci = word(words, "ci", none), .count = word(words, "count", 1),
        .next = section->events};
    section->events = e;
}

static bool add_rule(struct section *section, char *key, const char *value)
{
    char *dot = strchr(key, '.');
    if (!dot)
        return false;
    *dot = 0;
    struct rule *rule = malloc(sizeof *rule);
    *rule = (struct rule){key, dot + 1, strtod(value, NULL), section->rules};
    section->rules = rule;
    return true;
}

static void set(struct section *section, char *key, const char *value)
{
    if (!strcmp(key, "process"))
        add_process(section, value);
    else if (!strcmp(key, "event"))
        add_event(section, value);
    else if (!add_rule(section, key, value)) {
        int i = 0;
        while (i < KEYS && strcmp(key, key_names[i]))
            i++;
        if (i == KEYS) /* a typing error must not pass for a default */
            fprintf(stderr, "fakenvml: unknown key in the scenario: %s\n", key);
        else
            section->values[i] = value_of(value);
    }
}

static struct section *open_section(struct scenario *scenario, const char *header)
{
    int gpu = 0, mig = -1;
    if (sscanf(header, "[gpu %d mig %d]", &gpu, &mig) < 1 || gpu < 0 || gpu >= MAX_GPUS || mig >= MAX_MIG)
        return &scenario->global;
    if (mig < 0)
        return &scenario->gpu[gpu];
    if (!scenario->mig[gpu][mig])
        scenario->mig[gpu][mig] = calloc(1, sizeof(struct section));
    scenario->mig[gpu][mig]->present = true;
    return scenario->mig[gpu][mig];
}

static void inherit(struct section *section, const struct section *from)
{
    for (int i = 0; i < KEYS; i++)
        if (!section->values[i].text)
            section->values[i] = from->values[i];
}

static void resolve(struct scenario *scenario)
{
    for (int i = 0; i < KEYS; i++)
        if (!scenario->global.values[i].text)
            scenario->global.values[i] = value_of(defaults[i].text);
    scenario->gpus = (int)fmin(scenario->global.values[K_gpus].number, MAX_GPUS);
    for (int g = 0; g < scenario->gpus; g++) {
        struct section *gpu = &scenario->gpu[g];
        inherit(gpu, &scenario->global);
        gpu->power = timeline_new();
        timeline_parse(gpu->power, gpu->values[K_power].text);
        for (int m = 0; m < MAX_MIG; m++)
            if (scenario->mig[g][m])
                inherit(scenario->mig[g][m], gpu);
    }
    unsigned major = 0, minor = 0;
    sscanf(scenario->global.values[K_driver].text, "%u.%u", &major, &minor);
    scenario->version = major * 100 + (minor > 99 ? 99 : minor);
}

static void parse(struct scenario *scenario, char *text)
{
    struct section *section = &scenario->global;
    for (char *line; (line = strsep(&text, "\n")) != NULL;) {
        line = trim(line);
        char *equals = strchr(line, '=');
        if (*line == '[')
            section = open_section(scenario, line);
        else if (*line != '#' && equals) {
            *equals = 0;
            set(section, trim(line), trim(equals + 1));
        }
    }
}

/* The load file: lines "TIME GPU|* PROFILE", appended by whoever plays the workload. */
static void parse_load(struct scenario *scenario, char *text)
{
    for (char *line; (line = strsep(&text, "\n")) != NULL;) {
        char gpu[8], profile[512];
        double start;
        if (sscanf(line, "%lf %7s %511s", &start, gpu, profile) != 3)
            continue;
        for (int g = 0; g < scenario->gpus; g++)
            if (*gpu == '*' || atoi(gpu) == g)
                timeline_add(scenario->gpu[g].power, start, profile);
    }
}

static struct scenario *load(unsigned serial)
{
    struct scenario *scenario = calloc(1, sizeof *scenario);
    parse(scenario, read_text(getenv("FAKENVML_SCENARIO"))); /* the text stays: values point into it */
    resolve(scenario);
    parse_load(scenario, read_text(getenv("FAKENVML_LOAD")));
    scenario->serial = serial;
    return scenario;
}

static bool changed(struct stat *last, const char *path)
{
    struct stat now = {0};
    if (path)
        stat(path, &now);
    bool same = now.st_ino == last->st_ino && now.st_size == last->st_size &&
                now.st_mtim.tv_sec == last->st_mtim.tv_sec && now.st_mtim.tv_nsec == last->st_mtim.tv_nsec;
    *last = now;
    return !same;
}

/* A scenario that was replaced is not freed: a call in another thread may still be reading it. */
const struct scenario *scenario_now(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct scenario *current;
    static struct stat seen_scenario, seen_load;
    static double checked;
    pthread_mutex_lock(&lock);
    double now = mono();
    if (!current || now - checked > CHECK_EVERY) {
        checked = now;
        bool edited = changed(&seen_scenario, getenv("FAKENVML_SCENARIO"));
        if (changed(&seen_load, getenv("FAKENVML_LOAD")) || edited || !current)
            current = load(current ? current->serial + 1 : 0);
    }
    const struct scenario *scenario = current;
    pthread_mutex_unlock(&lock);
    return scenario;
}

const struct rule *find_rule(const struct section *section, const char *kind, const char *function)
{
    for (const struct rule *rule = section->rules; rule; rule = rule->next)
        if (!strcmp(rule->kind, kind) && (!strcmp(rule->function, function) || !strcmp(rule->function, "*")))
            return rule;
    return NULL;
}
