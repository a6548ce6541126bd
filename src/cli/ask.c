#include "cli/ask.h"
#include "base/buf.h"
#include <stdio.h>
#include <stdlib.h>

void print_json(const json_t *j)
{
    char *text = json_dumps(j, JSON_INDENT(2) | JSON_ENCODE_ANY);
    puts(text ? text : "null");
    free(text);
}

int ask_and_print(struct args *a, const char *method, const char *path, json_t *body,
                  int (*print)(const struct args *a, const json_t *answer))
{
    struct error err = ERROR_NONE;
    const struct session_options o = {.carry = false};
    struct session *s = session_open(a, &o, &err);
    json_t *answer = s ? session_call(s, method, path, body, &err) : NULL;
    int status;
    if (!answer) {
        status = complain(&err);
    } else if (opt_given(a, "json")) {
        print_json(answer);
        status = EXIT_DONE;
    } else {
        status = print(a, answer);
    }
    json_decref(answer);
    json_decref(body);
    session_close(s);
    return status;
}

static void print_row(const struct table *t, const char *const *cells, const int *widths)
{
    for (int c = 0; c < t->columns; c++) {
        fputs(cells[c], stdout);
        if (c + 1 < t->columns)
            printf("%*s", widths[c] - str_columns(cells[c]) + 2, "");
    }
    putchar('\n');
}

void table_print(const struct table *t)
{
    int widths[TABLE_COLUMNS_MAX] = {0};
    for (int c = 0; c < t->columns && t->head; c++)
        widths[c] = str_columns(t->head[c]);
    for (int i = 0; i < t->rows * t->columns; i++)
        if (str_columns(t->cells[i]) > widths[i % t->columns])
            widths[i % t->columns] = str_columns(t->cells[i]);
    if (t->head)
        print_row(t, t->head, widths);
    for (int r = 0; r < t->rows; r++)
        print_row(t, t->cells + r * t->columns, widths);
}
