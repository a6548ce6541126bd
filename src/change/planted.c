#include "change/planted.h"

#ifdef SB_PLANTED_BUGS

const char *planted_fault;

const struct planted planted_faults[] = {
    {"rule-ignored", "a step begins although what its rule needs is not done"},
    {"skipped-is-done", "a rule takes what was skipped for done, where the page does not allow it"},
    {"any-answer", "a rule takes every answer of its gate for the one that it names"},
    {"end-rule-ignored", "a change ends although a rule of the page stands against it"},
    {"trouble-rule-ignored", "what a rule forbids in trouble begins in trouble"},
    {"doubt-is-done", "an effect of which nobody knows whether it took place counts as done"},
    {"restart-forgets", "after a crash, what was intended is performed again without being looked up"},
    {"reset-forgets-flight", "a step that may have reached its system is begun anew as if it had not"},
    {"not-found-performs",
     "what did not take place is performed, whatever has happened since it was intended"},
    {"trouble-not-entered", "a step of the main branch fails and the change goes on"},
    {"retry-unchecked", "a try again is not bound by the rules that bind the first"},
    {"undo-in-flight", "an effect is taken back before it is known whether it took place"},
    {"end-in-flight", "a change ends while an effect is under way"},
    {"redo-one-step", "when the deployment runs again, what came after it counts as done"},
    {"cancel-while-deploying", "a change is cancelled although its deployment has begun"},
    {"move-forgets", "the window moves, and what was timed by the old one counts as done"},
    {"wants-forbidden", "a step is wanted to begin although a rule refuses it"},
    {"gate-stays", "the question of a pipeline's pause is asked on when the pipeline has ended"},
    {NULL, NULL},
};

#else

typedef int planted_nothing; /* a translation unit is never empty */

#endif
