/* ask.h: for commands that make one call and print its answer. */
#ifndef SB_CLI_ASK_H
#define SB_CLI_ASK_H

#include "cli/session.h"

/* Opens a session that carries nothing out, calls, prints: with --json the answer as it is, else through
 * `print`. Takes `body`. Returns the exit status. */
int ask_and_print(struct args *a, const char *method, const char *path, json_t *body,
                  int (*print)(const struct args *a, const json_t *answer));
void print_json(const json_t *j);

/* Columns separated by two spaces, as wide as they need; the last one is not padded. Cells are not copied. */
enum { TABLE_COLUMNS_MAX = 12 };
struct table {
    const char *const *head; /* NULL = none */
    int columns;
    const char **cells; /* rows * columns */
    int rows;
};
void table_print(const struct table *t);

#endif
