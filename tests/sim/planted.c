#include "planted.h"

#ifdef SB_PLANTED_BUGS

const struct planted sim_planted_faults[] = {
    {"acts-before-durable", "an effect is performed while its intention is not durable yet"},
    {"told-before-durable", "a person is told that something is recorded before it is"},
    {"failed-commit-ignored", "a commit fails and the state is kept"},
    {"starts-as-if-nothing", "after a start, what was intended is not in doubt"},
    {"doubt-is-retried", "a request without an answer counts as not done"},
    {"looks-once", "what is not found at the first look counts as not done, though it may be on its way"},
    {"blind-is-repeated", "what nobody can look up is done again"},
    {"late-no-counts", "a late refusal counts against what was tried since"},
    {"late-for-any-run", "a late answer counts for whichever run there is"},
    {"answer-for-any-run", "a person's answer counts for whichever question there is"},
    {"key-without-run", "a step that runs again has the key of its former run"},
    {"parts-again", "the parts of an effect that took place are done again with the others"},
    {"acts-without-lease", "a node acts though its lease has run out"},
    {"forgets-its-moment", "a node does not wake when a moment comes"},
    {"snapshot-too-early", "a snapshot holds what is not durable"},
    {"batch-torn", "a commit is cut in two by a crash"},
    {"pause-told-once", "a pause that cannot be asked about at once is never asked about"},
    {NULL, NULL},
};

#else

typedef int sim_planted_nothing; /* a translation unit is never empty */

#endif
