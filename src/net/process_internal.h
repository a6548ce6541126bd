/* process_internal.h: what process.c (a child's life) and process_output.c (what it says) share. */
#ifndef SB_NET_PROCESS_INTERNAL_H
#define SB_NET_PROCESS_INTERNAL_H

#include "base/buf.h"
#include "net/process.h"

/* One of the child's two outputs. It comes through a pipe; that of a child that lives on when we end goes to
 * a file without a name, because a pipe without a reader would end the child at its next word. */
struct output {
    struct process *process;
    bool is_stderr;
    bool ended;      /* nothing more will come */
    uv_pipe_t *pipe; /* ours to read; NULL when closed, or for a file */
    int file;        /* -1 for a pipe */
    int64_t offset;  /* read so far of the file */
    struct buf kept; /* stdout from its beginning, or the tail of stderr */
    struct buf line; /* begun, not ended */
};

/* Opens the output; `child_end` is for the child and to be closed after it was started. */
MUST_USE bool output_open(struct output *o, struct process *p, bool is_stderr, bool keep, int *child_end,
                          struct error *err);
void output_listen(struct output *o);    /* pipes: bytes are taken as they come */
void output_read_file(struct output *o); /* files: takes what was written since */
void output_finish(struct output *o);    /* the last line, although nothing ended it */
void output_close(struct output *o);
void output_free(struct output *o);

/* process.c: whom the output belongs to. */
struct loop *process_loop(const struct process *p);
size_t process_output_max(const struct process *p);
void process_line(struct process *p, bool is_stderr,
                  const char *line); /* may free the process: see process_forgotten */
bool process_forgotten(const struct process *p);
void process_output_ended(struct process *p);

#endif
