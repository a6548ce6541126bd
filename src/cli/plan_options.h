/* plan_options.h: the options that describe a hotfix, for plan, start and drill alike. */
#ifndef SB_CLI_PLAN_OPTIONS_H
#define SB_CLI_PLAN_OPTIONS_H

#include "cli/command.h"
#include <jansson.h>

#define PLAN_OPTIONS                                                                                           \
    {"sop", 0, OPTION_VALUE, "PAGE", "page to follow: a name or a file (default: hotfix)", "pages"},           \
        {"client", 0, OPTION_VALUE, "CLIENT", "client", "clients"},                                            \
        {"env", 'e', OPTION_VALUE, "ENV", "env (default: prod)", NULL},                                        \
        {"service",                                                                                            \
         's',                                                                                                  \
         OPTION_LIST,                                                                                          \
         "NAME=TAG",                                                                                           \
         "a service and its build tag; give it once for each service",                                         \
         "services"},                                                                                          \
        {"window",                                                                                             \
         'w',                                                                                                  \
         OPTION_VALUE,                                                                                         \
         "WINDOW",                                                                                             \
         "when: \"today 14:00 for 90m\", \"in 5h for 90m\", \"now for 1h\"",                                   \
         NULL},                                                                                                \
        {"severity", 0, OPTION_VALUE, "1-4", "severity of what is being fixed", NULL},                         \
        {"risk", 0, OPTION_VALUE, "RISK", "risk of the change: low, medium or high; cannot be left out",       \
         NULL},                                                                                                \
        {"reason", 'r', OPTION_VALUE, "TEXT", "what is being fixed, for people", NULL},                        \
        {"incident", 0, OPTION_VALUE, "MOMENT", "when the incident began or was reported", NULL},              \
        {"input", 'i', OPTION_LIST, "NAME=VALUE", "any other input that the page declares", NULL},             \
        {"overrule", 0, OPTION_LIST, "WHAT=WHY", "overrule a question about the plan, with the reason", NULL}, \
        {"file", 'f', OPTION_VALUE, "FILE", "the plan as YAML or JSON; options given besides it win", "files"}

/* The plan as engine_plan takes it. New reference; NULL with what is wrong. */
json_t *plan_of(const struct args *a, struct error *err);
/* NAME=VALUE of an option that may be given several times, into the map `key` of `plan`. */
MUST_USE bool plan_pairs(json_t *plan, const struct args *a, const char *option, const char *key,
                         struct error *err);
/* Did the command line describe a hotfix at all? */
bool plan_given(const struct args *a);

#endif
