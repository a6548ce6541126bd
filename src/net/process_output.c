#include "net/alloc.h"
#include "net/process_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 16 * 1024,
    TAIL_BYTES = 4 * 1024,
    PIECE = 16 * 1024,
    FILE_READ_MOST = 1 << 20, /* in one go, so that a child that floods its file does not keep the loop */
};

static bool open_pipe(struct output *o, int *child_end, struct error *err)
{
    int ends[2];
    /* Real pipes: libuv would make sockets, which a script cannot open as /dev/stdout. */
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_errno(err, errno, "open a pipe");
    o->pipe = NET_NEW(uv_pipe_t);
    uv_pipe_init(loop_uv(process_loop(o->process)), o->pipe, 0);
    uv_pipe_open(o->pipe, ends[0]);
    o->pipe->data = o;
    *child_end = ends[1];
    return true;
}

static bool open_file(struct output *o, int *child_end, struct error *err)
{
    const char *folder = getenv("TMPDIR");
    _cleanup_buf_ struct buf name = {0};
    buf_printf(&name, "%s/signalbox-XXXXXX", folder != NULL && folder[0] == '/' ? folder : "/tmp");
    o->file = mkostemp(name.data, O_APPEND | O_CLOEXEC);
    if (o->file < 0)
        return error_errno(err, errno, "make a file in the place of %s", name.data);
    unlink(name.data);
    *child_end = fcntl(o->file, F_DUPFD_CLOEXEC, 0);
    return *child_end >= 0 || error_errno(err, errno, "copy a descriptor");
}

bool output_open(struct output *o, struct process *p, bool is_stderr, bool keep, int *child_end,
                 struct error *err)
{
    o->process = p;
    o->is_stderr = is_stderr;
    o->file = -1;
    return keep ? open_file(o, child_end, err) : open_pipe(o, child_end, err);
}

static void keep_head(struct output *o, const char *bytes, size_t n)
{
    size_t room = process_output_max(o->process) - o->kept.len;
    buf_add(&o->kept, bytes, n < room ? n : room);
}

/* Cut to the tail only when it has doubled: a byte is moved at most once for each one that comes. */
static void keep_tail(struct output *o, const char *bytes, size_t n)
{
    buf_add(&o->kept, bytes, n);
    if (o->kept.len < (size_t)2 * TAIL_BYTES)
        return;
    memmove(o->kept.data, o->kept.data + o->kept.len - TAIL_BYTES, TAIL_BYTES);
    o->kept.len = TAIL_BYTES;
    o->kept.data[TAIL_BYTES] = '\0';
}

static void end_line(struct output *o)
{
    struct buf line = o->line;
    o->line = (struct buf){0};
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.data[--line.len] = '\0';
    for (size_t i = 0; i < line.len; i++)
        line.data[i] = line.data[i] == '\0' ? '?' : line.data[i];
    process_line(o->process, o->is_stderr, buf_str(&line));
    buf_free(&line);
}

static void take(struct output *o, const char *bytes, size_t n)
{
    if (o->is_stderr)
        keep_tail(o, bytes, n);
    else
        keep_head(o, bytes, n);
    while (n > 0 && !process_forgotten(o->process)) {
        const char *newline = memchr(bytes, '\n', n);
        size_t part = newline != NULL ? (size_t)(newline - bytes) : n;
        size_t room = LINE_MAX_BYTES - o->line.len;
        buf_add(&o->line, bytes, part < room ? part : room);
        if (newline == NULL)
            return;
        end_line(o);
        bytes += part + 1;
        n -= part + 1;
    }
}

static void give_buffer(uv_handle_t *h, size_t wish, uv_buf_t *b)
{
    (void)h;
    (void)wish;
    b->base = net_alloc(PIECE);
    b->len = PIECE;
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct output *o = s->data;
    if (o != NULL && n > 0)
        take(o, b->base, (size_t)n);
    free(b->base);
    if (n >= 0 || s->data == NULL)
        return;
    output_close(o);
    process_output_ended(o->process);
}

void output_listen(struct output *o)
{
    if (o->pipe != NULL)
        uv_read_start((uv_stream_t *)o->pipe, give_buffer, on_read);
}

/* Gives the disk back what was read: the file of a child that talks for days would only grow. */
static void drop_read_part(struct output *o)
{
    (void)!fallocate(o->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, o->offset);
}

void output_read_file(struct output *o)
{
    if (o->file < 0)
        return;
    char *piece = net_alloc(PIECE);
    int64_t from = o->offset;
    ssize_t n = 1;
    while (n > 0 && o->offset - from < FILE_READ_MOST && !process_forgotten(o->process)) {
        n = pread(o->file, piece, PIECE, o->offset);
        if (n > 0) {
            o->offset += n;
            take(o, piece, (size_t)n);
        }
    }
    free(piece);
    if (o->file >= 0 && o->offset > from)
        drop_read_part(o);
}

void output_finish(struct output *o)
{
    struct stat st;
    /* What is in the file now, and no more: somebody the child left behind may write for ever. */
    int64_t end = o->file >= 0 && fstat(o->file, &st) == 0 ? st.st_size : 0;
    while (o->offset < end && !process_forgotten(o->process)) {
        int64_t before = o->offset;
        output_read_file(o);
        if (o->offset == before)
            break;
    }
    if (o->line.len > 0 && !process_forgotten(o->process))
        end_line(o);
}

static void free_pipe(uv_handle_t *h)
{
    free(h);
}

void output_close(struct output *o)
{
    o->ended = true;
    if (o->pipe != NULL) {
        o->pipe->data = NULL;
        uv_close((uv_handle_t *)o->pipe, free_pipe);
        o->pipe = NULL;
    }
    if (o->file >= 0)
        close(o->file);
    o->file = -1;
}

void output_free(struct output *o)
{
    buf_free(&o->kept);
    buf_free(&o->line);
}
